// A folder of pictures: the browser makes one .zip of it, with nothing packed, since an upload of single files loses the
// folders they lie in. In gr.HTML's js_on_load, with `upload` and `trigger`; `words` and `limits` stand before it.

const input = element.querySelector("input"), said = element.querySelector("output");
const picture = new RegExp(`\\.(${limits.suffixes.join("|")})$`, "i");
const table = Uint32Array.from({length: 256}, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xEDB88320 ^ (n >>> 1) : n >>> 1;
  return n;
});
const tell = (text, fields = {}) => {
  said.textContent = text.replace(/\{(\w+)\}/g, (_, name) => fields[name]);
};

function checksum(bytes) {
  let sum = -1;
  for (let at = 0; at < bytes.length; at++) sum = table[(sum ^ bytes[at]) & 255] ^ (sum >>> 8);
  return (sum ^ -1) >>> 0;
}

// Little-endian numbers: [value, bytes], ...
function record(...fields) {
  const view = new DataView(new ArrayBuffer(fields.reduce((sum, [, size]) => sum + size, 0)));
  let at = 0;
  for (const [value, size] of fields) {
    size === 4 ? view.setUint32(at, value, true) : view.setUint16(at, value, true);
    at += size;
  }
  return view.buffer;
}

async function zipped(files) {
  const parts = [], list = [];
  let offset = 0, listed = 0;
  for (const [name, file] of files) {
    const bytes = new Uint8Array(await file.arrayBuffer()), path = new TextEncoder().encode(name);
    const size = bytes.length;  // below: version, UTF-8 names, stored, 1 January 1980
    const about = [[20, 2], [0x800, 2], [0, 2], [0, 2], [0x21, 2], [checksum(bytes), 4], [size, 4], [size, 4], [path.length, 2]];
    const head = record([0x04034b50, 4], ...about, [0, 2]);
    const entry = record([0x02014b50, 4], [20, 2], ...about, [0, 2], [0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]);
    parts.push(head, path, bytes);
    list.push(entry, path);
    offset += head.byteLength + path.length + size;
    listed += entry.byteLength + path.length;
  }
  const count = files.length;
  const end = record([0x06054b50, 4], [0, 2], [0, 2], [count, 2], [count, 2], [listed, 4], [offset, 4], [0, 2]);
  return new Blob([...parts, ...list, end]);
}

async function take(chosen) {
  const inside = (file) => (file.webkitRelativePath || file.name).split("/").slice(file.webkitRelativePath ? 1 : 0);
  const files = chosen.map((file) => [inside(file).join("/"), file]).filter(([name]) => picture.test(name));
  const folder = (chosen[0].webkitRelativePath || "").split("/")[0] || words.folder;
  const megabytes = Math.ceil(files.reduce((sum, [, file]) => sum + file.size, 0) / 1e6);
  const numbers = {folder, count: files.length, megabytes, most: limits.most, most_megabytes: limits.megabytes};
  if (!files.length) return tell(words.empty, numbers);
  if (files.length > limits.most) return tell(words.many, numbers);
  if (megabytes > limits.megabytes) return tell(words.large, numbers);
  tell(words.sending, numbers);
  try {
    const {path} = await upload(new File([await zipped(files)], "folder.zip", {type: "application/zip"}));
    tell(words.sent, numbers);
    trigger("upload", {path, name: folder});
  } catch { tell(words.failed, numbers); }
}

element.querySelector("button").addEventListener("click", () => input.click());
input.addEventListener("change", async () => {
  const chosen = [...input.files];
  input.value = "";  // the same folder may be chosen again
  if (chosen.length) await take(chosen);
});

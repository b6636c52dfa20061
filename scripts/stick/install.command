#!/bin/sh
# macOS: a double click, or: sh install.command [FOLDER]
exec python3 "$(dirname "$0")/install.py" "$@"

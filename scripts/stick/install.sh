#!/bin/sh
# Linux: sh install.sh [FOLDER]
exec python3 "$(dirname "$0")/install.py" "$@"

@echo off
rem Windows: a double click, or: install.bat [FOLDER]
py "%~dp0install.py" %*
if errorlevel 1 pause

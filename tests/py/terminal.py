"""A terminal of 100 columns and 30 rows with a program in it: terminal.py PROGRAM ARGUMENT…

Takes what is typed on standard input, a JSON string a line. Prints {"screen": [row, …]} whenever the program has drawn another picture on
the screen of its own (the alternate one), and at its end {"code": exit code, "said": [line, …]}: what it said elsewhere than there.
What programs say to terminals is ECMA-48; a picture is whole when its synchronized update ends (mode 2026).
"""

import codecs
import fcntl
import json
import os
import pty
import re
import selectors
import struct
import sys
import termios

COLUMNS, ROWS = 100, 30
# A control sequence, one of two letters, a control character, or text.
TOKEN = re.compile(r"\x1b\[([0-?]*)[ -/]*([@-~])|\x1b[^\[]|[\x00-\x1a\x1c-\x1f]|[^\x00-\x1f]+")
# What is not whole yet.
BEGUN = re.compile(r"\x1b(\[[0-?]*[ -/]*)?$")


def say(what):
    print(json.dumps(what), flush=True)


class Screen:
    """What is seen of what the program writes."""

    def __init__(self):
        self.alternate = False
        self.said = ""
        self.shown = None
        self.rest = ""
        self.clear()

    def clear(self):
        self.cells = [[" "] * COLUMNS for _ in range(ROWS)]
        self.row = self.column = 0

    def write(self, text):
        text = self.rest + text
        begun = BEGUN.search(text)
        self.rest = begun.group(0) if begun else ""
        text = text[: len(text) - len(self.rest)]
        for token in TOKEN.finditer(text):
            if token.group(2):
                self.control(token.group(1), token.group(2))
            elif not self.alternate:
                self.said += token.group(0)
            elif token.group(0) >= " ":
                self.put(token.group(0))

    def put(self, text):
        for character in text:
            if self.column < COLUMNS:
                self.cells[self.row][self.column] = character
                self.column += 1

    def control(self, parameters, final):
        if (parameters, final) == ("?1049", "h"):
            self.alternate = True
            self.clear()
        elif (parameters, final) == ("?1049", "l"):
            self.alternate = False
        elif (parameters, final) == ("?2026", "l"):
            self.show()
        elif final == "H":
            places = [int(place or 1) for place in parameters.split(";")] if parameters else [1, 1]
            self.row, self.column = (min(places[0], ROWS) - 1, min(places[1], COLUMNS) - 1)
        elif (parameters, final) == ("2", "K"):
            self.cells[self.row] = [" "] * COLUMNS
        elif final == "J" and parameters in ("", "0"):
            self.cells[self.row][self.column :] = [" "] * (COLUMNS - self.column)
            for row in range(self.row + 1, ROWS):
                self.cells[row] = [" "] * COLUMNS

    def show(self):
        rows = ["".join(cells).rstrip() for cells in self.cells]
        if rows != self.shown:
            self.shown = rows
            say({"screen": rows})


def main(arguments):
    child, terminal = pty.fork()
    if child == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        os.execvp(arguments[0], arguments)
    screen = Screen()
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    waiting = selectors.DefaultSelector()
    waiting.register(terminal, selectors.EVENT_READ)
    waiting.register(0, selectors.EVENT_READ)
    typed = b""
    while True:
        ready = [key.fd for key, _ in waiting.select()]
        if 0 in ready:
            came = os.read(0, 4096)
            if not came:
                waiting.unregister(0)
            *lines, typed = (typed + came).split(b"\n")
            for line in lines:
                os.write(terminal, json.loads(line).encode())
        if terminal in ready:
            try:
                written = os.read(terminal, 65536)
            except OSError:
                # That is how Linux says that nobody has the other end any more.
                written = b""
            if not written:
                break
            screen.write(decoder.decode(written))
    _, status = os.waitpid(child, 0)
    say({"code": os.waitstatus_to_exitcode(status), "said": screen.said.splitlines()})


main(sys.argv[1:])

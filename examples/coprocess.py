"""coprocess.py - one `cvt classify` that lives as long as the program and answers picture by picture:

    coprocess.py MODEL PICTURE...

The model is loaded once. A path goes in as a line, a record (JSON) comes out as a line, for a picture that cannot be
read too. CVT names the program. Needs no library, so it also works where cvt is one static file."""

import json
import os
import subprocess
import sys


class Classifier:
    def __init__(self, model, k=5):
        program = os.environ.get("CVT", "cvt")
        command = [program, "classify", "-m", model, "-k", str(k), "-f", "jsonl", "--files-from", "-"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, path):
        """The record of one picture; paths with line breaks cannot be asked for."""
        self.process.stdin.write(os.fsencode(path) + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"cvt has ended with status {self.process.wait()}")
        return json.loads(line)

    def close(self):
        """The end of the questions ends cvt. Its status: 1 if a picture could not be read, else 0."""
        self.process.stdin.close()
        return self.process.wait()


def main():
    if len(sys.argv) < 3:
        sys.exit("usage: coprocess.py MODEL PICTURE...")
    classifier = Classifier(sys.argv[1])
    for path in sys.argv[2:]:
        record = classifier.ask(path)
        if record["ok"]:
            best = record["top"][0]
            print(f"{path}: {best['label']}, {100 * best['score']:.1f} %")
        else:
            print(f"{path}: {record['error']['message']}")
    return classifier.close()


if __name__ == "__main__":
    sys.exit(main())

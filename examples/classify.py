"""classify.py - what is on a picture, by ctypes on libcvt: classify.py MODEL PICTURE

The library is the one that CVT_LIBRARY names, else the one that is installed. Nothing but Python is needed."""

import ctypes
import ctypes.util
import os
import sys
from ctypes import POINTER, byref, c_char, c_char_p, c_float, c_int, c_void_p


class Error(ctypes.Structure):  # cvt_error
    _fields_ = [("status", c_int), ("message", c_char * 1024)]


class Score(ctypes.Structure):  # cvt_score
    _fields_ = [("index", c_int), ("score", c_float)]


try:
    cvt = ctypes.CDLL(os.environ.get("CVT_LIBRARY") or ctypes.util.find_library("cvt") or "libcvt.so.0")
except OSError as error:
    sys.exit(f"the library cannot be loaded ({error}): CVT_LIBRARY may name its file")

# what the functions take and return, as cvt.h has it
OUT, OBJECT, ERROR = POINTER(c_void_p), c_void_p, POINTER(Error)
for name, result, arguments in [
    ("cvt_version", c_char_p, []),
    ("cvt_model_open", c_int, [OUT, c_char_p, c_void_p, ERROR]),
    ("cvt_model_classes", c_int, [OBJECT]),
    ("cvt_model_label", c_char_p, [OBJECT, c_int]),
    ("cvt_model_free", None, [OBJECT]),
    ("cvt_session_new", c_int, [OUT, OBJECT, c_int, c_int, ERROR]),
    ("cvt_session_run", c_int, [OBJECT, POINTER(POINTER(c_float)), c_int, ERROR]),
    ("cvt_session_output", POINTER(c_float), [OBJECT]),
    ("cvt_session_free", None, [OBJECT]),
    ("cvt_image_new", c_int, [OUT, c_void_p, ERROR]),
    ("cvt_image_read", c_int, [OBJECT, OBJECT, c_char_p, c_int, ERROR]),
    ("cvt_image_tensor", POINTER(c_float), [OBJECT]),
    ("cvt_image_free", None, [OBJECT]),
    ("cvt_model_top_k", c_int, [OBJECT, POINTER(c_float), POINTER(Score), c_int]),
]:
    function = getattr(cvt, name)
    function.restype, function.argtypes = result, arguments


class Failure(Exception):
    pass


def call(function, *arguments):
    """Calls a function that can fail: its message becomes an exception."""
    error = Error()
    if function(*arguments, byref(error)):
        raise Failure(error.message.decode())


class Classifier:
    """A model with what it needs to look at one picture at a time."""

    def __init__(self, path):
        self.model, self.session, self.image = c_void_p(), c_void_p(), c_void_p()
        call(cvt.cvt_model_open, byref(self.model), os.fsencode(path), None)
        call(cvt.cvt_session_new, byref(self.session), self.model, 1, 1)
        call(cvt.cvt_image_new, byref(self.image), None)

    def classify(self, path, k=5):
        """The k likeliest classes: (index, label or None, probability), likeliest first."""
        call(cvt.cvt_image_read, self.image, self.model, os.fsencode(path), 0)
        inputs = (POINTER(c_float) * 1)(cvt.cvt_image_tensor(self.image))
        call(cvt.cvt_session_run, self.session, inputs, 1)
        top = (Score * k)()
        n = cvt.cvt_model_top_k(self.model, cvt.cvt_session_output(self.session), top, k)
        labels = [cvt.cvt_model_label(self.model, score.index) for score in top[:n]]
        return [(s.index, label and label.decode(), s.score) for s, label in zip(top, labels)]

    def close(self):
        cvt.cvt_image_free(self.image)
        cvt.cvt_session_free(self.session)
        cvt.cvt_model_free(self.model)
        self.model = self.session = self.image = None


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: classify.py MODEL PICTURE")
    try:
        classifier = Classifier(sys.argv[1])
        for _, label, probability in classifier.classify(sys.argv[2]):
            print(f"{100 * probability:5.1f} %  {label or '(no name)'}")
        classifier.close()
    except Failure as failure:
        sys.exit(str(failure))


if __name__ == "__main__":
    main()

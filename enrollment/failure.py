"""The one way to say that a request cannot be carried out."""


class Failure(Exception):
    """A request refused: ``code`` for programs, ``message`` in Chinese for people.

    The message says what is wrong, where, and the way out. Pages show it, commands print it and
    exit with 1.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

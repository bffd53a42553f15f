"""The exception of the package."""


class Error(Exception):
    """Something that the caller asked for failed: a start, a file, a read, a recovery.

    `code` is its kind: "invalid_argument", "not_found", "already_exists", "io", "no_space",
    "read_only", "busy", "corrupt", "unsupported", "too_large", "finished", "timeout" or
    "unavailable". `errno` is that of the system call that failed, else 0. str() names the action
    and the path, and says what to do.
    """

    code: str
    errno: int

    def __init__(self, message: str, code: str = "invalid_argument", errno: int = 0) -> None:
        super().__init__(message, code, errno)
        self.code = code
        self.errno = errno

    def __str__(self) -> str:
        return str(self.args[0])

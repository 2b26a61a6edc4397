"""`xcert …`: everything an operator does at a terminal. Words for people go to stdout, log lines to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from server import os_errors
from server.adapters.embedded import EmbeddedError
from server.adapters.keys import KeysMissing, KeysUnsafe, unsafe_keys
from server.command_line import build_parser
from server.commands import Impossible
from server.errors import XcertError
from server.models import failures
from server.settings import SettingsError, load, places


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code.

    0 done, 1 refused or impossible, 2 settings or keys that nothing may start with, an encrypted connection that is asked for
    and not to be had, otherwise as each command says.
    """
    args = build_parser().parse_args(arguments)
    try:
        code = args.run(args, places() if args.bare else load())
        sys.stdout.flush()  # here, so that a reader who has gone is told below and not at the very end
        sys.exit(code)
    except SettingsError as error:
        unsafe = unsafe_keys(error.keys_dir) if error.keys_dir is not None else []
        _fail("设置有问题，请先修改：", *error.problems, *unsafe, code=2)
    except KeysUnsafe as error:
        _fail("设置有问题，请先修改：", *str(error).splitlines(), code=2)
    except Impossible as error:
        _fail(str(error), code=error.exit_code)
    except (EmbeddedError, KeysMissing) as error:
        _fail(str(error))
    except XcertError as error:
        _fail(str(error), *(f"  {one.pointer}：{one.detail}" for one in getattr(error, "errors", ())))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # whoever read our words has gone (… | head)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        if (sentence := _sentence(error)) is None:
            raise
        _fail(sentence)


def _sentence(error: Exception) -> str | None:
    """What to do about a database, folder or file that cannot be used; None for an error of our own."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename} 用不了（{os_errors.cause(error)}）。请检查这个文件或目录的权限、路径和磁盘空间。"
    if (cause := failures.cause_of(error)) is not None:
        return f"数据库或网络没有应答（{cause}）。请检查 XCERT_DATABASE_URL 和数据库是否在运行，然后重试。"
    return None


def _fail(*lines: str, code: int = 1) -> None:
    print("\n".join(lines), file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()

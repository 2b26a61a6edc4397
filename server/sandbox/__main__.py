"""`python -m server.sandbox`: WeChat on SANDBOX_PORT, for the service at SANDBOX_SERVICE_URL; needs nothing else of this project."""

from __future__ import annotations

import os
import sys

from dotenv import dotenv_values

from server.sandbox import account_file
from server.sandbox.app import create_sandbox
from server.sandbox.config import SandboxConfig
from server.sandbox.environment import EnvironmentProblem, from_environment


def main() -> int:
    """Serve until stopped; refuses in production, with half an account, and what cannot be read."""
    values = {name: value for name, value in dotenv_values(".env").items() if value} | dict(os.environ)
    try:
        config = from_environment(values)
        app = create_sandbox(config)
    except EnvironmentProblem as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    except (OSError, ValueError, KeyError) as problem:
        sys.stderr.write(f"数据目录里的文件无法读写，请检查或换一个 SANDBOX_DATA_DIR：{problem}\n")
        return 2
    if "--quiet" not in sys.argv:
        _greet(config)
    app.run(host=config.host, port=config.port, single_process=True, motd=False, access_log=False)
    return 0


def _greet(config: SandboxConfig) -> None:
    """What to open, and what to tell the service. A service that starts us says `--quiet`: its log holds JSON lines."""
    lines = [f"微信沙箱    http://{config.host}:{config.port}/", f"被测的服务  {config.service_url}"]
    assert config.data_path is not None
    account = config.data_path.parent.parent / account_file.FILE
    if account.exists():
        lines.append(f"账号        {account.resolve()}（服务填其中 WECHAT_ 开头的各项）")
    url = f"http://{config.host}:{config.port}"
    lines.append(f"服务另填    WECHAT_API_URL、WECHAT_OPEN_URL、WECHAT_PAY_URL={url}")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

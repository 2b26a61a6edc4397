"""`python -m server.sandbox`: WeChat on SANDBOX_PORT, for the service at XCERT_PUBLIC_URL."""

from __future__ import annotations

import sys

from server import settings
from server.sandbox.app import create_sandbox
from server.sandbox.config import from_settings


def main() -> int:
    """Serve until stopped; refuses in production and without accounts."""
    try:
        chosen = settings.load()
    except settings.SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if chosen.is_production:
        sys.stderr.write("微信沙箱不能在生产环境（XCERT_ENV=production）启动。\n")
        return 2
    config = from_settings(chosen)
    if not config.accounts:
        sys.stderr.write("没有配置任何微信账号（WECHAT_OA_APPID、WECHAT_MP_APPID），沙箱无从扮演。\n")
        return 2
    app = create_sandbox(config)
    app.run(host=config.host, port=config.port, single_process=True, motd=False, access_log=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())

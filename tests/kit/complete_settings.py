"""The settings with which production starts."""

from __future__ import annotations

KEY = "k" * 43
PRODUCTION = {
    "XCERT_ENV": "production",
    "XCERT_PUBLIC_URL": "https://cert.example.cn",
    "XCERT_DATABASE_URL": "postgresql://u:p@db/x",
    "XCERT_REDIS_URL": "redis://r",
    **{
        f"WECHAT_{a}_{n}": KEY if n == "AES_KEY" else "x"
        for a in ("OA", "MP")
        for n in ("APPID", "SECRET", "TOKEN", "AES_KEY")
    },
}

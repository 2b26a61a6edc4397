"""The five that people confuse (S10): this certificate, and the four that it is not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LookAlike:
    """One certificate as the public knows it. `now`: what it is today; `is_ours`: whether it can be verified here."""

    name: str
    by: str
    now: str
    is_ours: bool = False


LOOK_ALIKES = (
    LookAlike(
        "社会心理服务职业技能等级证书（1+X）",
        "本页署名的颁证机构，初级、中级、高级",
        "在颁发；记录以国家 1+X 门户为准",
        is_ours=True,
    ),
    LookAlike(
        "心理咨询师国家职业资格证书",
        "原国家职业资格鉴定，2003 年至 2017 年底",
        "2017 年 9 月已退出国家职业资格目录，不再颁发",
    ),
    LookAlike("中科院心理咨询师", "中科院心理研究所", "另一家机构的培训证书，不是 1+X 证书"),
    LookAlike("人事人才网心理咨询师", "中国人事人才网", "另一家机构的证书，不是 1+X 证书"),
    LookAlike("社会心理服务指导师", "清华大学", "名称相近，另一家机构的认证，不是 1+X 证书"),
)

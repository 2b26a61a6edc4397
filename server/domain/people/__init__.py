"""Candidates, officers and staff: who they are, what they may do, which WeChat identity is theirs."""

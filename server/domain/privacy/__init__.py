"""个人信息: what is held of whom in every column, a copy for the person, erasure, and how long things are kept."""

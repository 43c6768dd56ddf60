"""The local mail catcher: takes every mail, delivers none, shows all on a page. Development only.

``smtp`` receives, ``store`` keeps, ``mail`` reads what was kept, ``views`` show it.
It has no table in the installation's database and knows nothing of issues or subscribers: what
it shows is what a stranger's mail client would have got.
"""

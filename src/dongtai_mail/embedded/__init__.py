"""Everything on one machine, for one person: what ``dongtai up`` starts and looks after."""

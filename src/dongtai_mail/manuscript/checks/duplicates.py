def against(i,e): return []

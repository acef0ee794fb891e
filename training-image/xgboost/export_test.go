package xgboost

// SetBlock lets the library take so many bytes at a time.
func (l *Library) SetBlock(bytes int) { l.block = bytes }

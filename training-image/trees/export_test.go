package trees

// Many lets the family treat few validation rows as it treats many.
func (t *Trees) Many() *Trees {
	t.few = 0
	return t
}

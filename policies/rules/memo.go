package rules

// memo gives what was made of the graph for a key, and makes it the first time: a rule that needs to know something of
// all resources must not look at all of them for each.
func memo[T any](g *Graph, key string, make func() T) T {
	if made, ok := g.memos.Load(key); ok {
		return made.(T)
	}
	made, _ := g.memos.LoadOrStore(key, make())
	return made.(T)
}

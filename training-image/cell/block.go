package cell

// BlockRows is how many rows a block has room for.
const BlockRows = 256

// Block is room for a few rows, column by column, that is used again and again.
type Block struct {
	// Rows that it holds.
	Rows int

	values []Value
}

// stride is the distance of two columns. Were it a power of two, the values of a row would push each other out of the
// processor's cache.
const stride = BlockRows + 2

// NewBlock makes room for rows of so many columns.
func NewBlock(width int) *Block { return &Block{values: make([]Value, stride*width)} }

// NewBlocks makes several blocks.
func NewBlocks(n, width int) []*Block {
	blocks := make([]*Block, n)
	for i := range blocks {
		blocks[i] = NewBlock(width)
	}
	return blocks
}

// Column is the values of a column, one for each of the Rows.
func (b *Block) Column(i int) []Value { return b.values[i*stride : i*stride+b.Rows] }

// Row copies the values of a row.
func (b *Block) Row(row int, values []Value) {
	for i := range values {
		values[i] = b.values[i*stride+row]
	}
}

// Set sets one value. The row may be the one after the last, until Rows counts it.
func (b *Block) Set(row, column int, v Value) { b.values[column*stride+row] = v }

// Full tells whether there is no more room.
func (b *Block) Full() bool { return b.Rows == BlockRows }

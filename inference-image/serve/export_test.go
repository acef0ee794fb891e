package serve

// OpenAPIText is the document for the tests of other packages.
func OpenAPIText() []byte { return openAPIText }

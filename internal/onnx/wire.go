package onnx

// Field numbers of onnx.proto (ONNX IR version 8), as far as a tree ensemble needs them. They are written out here
// because a generated onnx.proto beside that of another library in one program panics at start.
const (
	modelIRVersion    = 1
	modelProducer     = 2
	modelProducerVer  = 3
	modelGraph        = 7
	modelOpsetImport  = 8
	modelMetadata     = 14
	opsetDomain       = 1
	opsetVersion      = 2
	entryKey          = 1
	entryValue        = 2
	graphNode         = 1
	graphName         = 2
	graphInitializer  = 5
	graphInput        = 11
	graphOutput       = 12
	nodeInput         = 1
	nodeOutput        = 2
	nodeName          = 3
	nodeOpType        = 4
	nodeAttribute     = 5
	nodeDomain        = 7
	attributeName     = 1
	attributeInt      = 3
	attributeString   = 4
	attributeFloats   = 7
	attributeInts     = 8
	attributeStrings  = 9
	attributeType     = 20
	valueName         = 1
	valueType         = 2
	typeTensor        = 1
	tensorElementType = 1
	tensorShape       = 2
	shapeDimension    = 1
	dimensionValue    = 1
	dimensionParam    = 2

	tensorDims = 1
	tensorType = 2
	tensorName = 8
	tensorRaw  = 9

	irVersion  = 8
	opsetONNX  = 15
	opsetTrees = 3

	kindInt     = 2 // AttributeProto.AttributeType
	kindString  = 3
	kindFloats  = 6
	kindInts    = 7
	kindStrings = 8

	elementFloat  = 1 // TensorProto.DataType
	elementUint8  = 2
	elementInt8   = 3
	elementInt64  = 7
	elementString = 8
	elementBool   = 9
)

const (
	domainTrees  = "ai.onnx.ml"
	opClassifier = "TreeEnsembleClassifier"
	opRegressor  = "TreeEnsembleRegressor"
	producer     = "mlpathway"
	graphTitle   = "tree_ensemble"

	// Names of the graph's input and outputs.
	inputFeatures    = "features"
	outputLabel      = "label"
	outputClasses    = "probabilities"
	outputPrediction = "prediction"

	// metaInputs is the metadata key that holds the names of the features as a JSON array: the graph itself knows only
	// how many there are.
	metaInputs = "mlpathway.inputs"

	branchLess = "BRANCH_LT"
	leafMode   = "LEAF"

	transformNone     = "NONE"
	transformLogistic = "LOGISTIC"
	transformSoftmax  = "SOFTMAX"
)

// signTree guards against a rule of ONNX Runtime: where no leaf of a binary ensemble is negative it takes the sums for
// probabilities and skips the logistic function. Such an ensemble is written with one more tree, a leaf too small to
// change any sum, and read without it.
const signTree = float32(-1e-30)

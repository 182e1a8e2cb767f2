package schemas

// What tests of the package's use from outside look at.
var (
	NewCompiler = newCompiler
	GoPatterns  = goPatterns
	ParseJSON   = parseJSON
)

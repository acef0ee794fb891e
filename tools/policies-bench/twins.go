package main

// twinned are the rules that twins.rego holds.
var twinned = []string{
	"ENC-02", "ENC-03", "ENC-04", "ENC-06", "ENC-07", "ENC-09", "IAM-06", "IAM-07", "PUB-02", "PUB-04", "PUB-05", "TLS-03",
}

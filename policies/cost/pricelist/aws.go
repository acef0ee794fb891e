package pricelist

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// offer is where a row of the table stands in the price list of AWS: a usage type without the prefix of its region, and
// how many units of the list make one of the table.
type offer struct {
	code, usage string
	factor      float64
}

// awsOffers are the rows with a fixed name, by service/sku.
var awsOffers = map[string]offer{
	"athena/data scanned":                {"AmazonAthena", "DataScannedInTB", 1},
	"cloudwatch-logs/ingest":             {"AmazonCloudWatch", "DataProcessing-Bytes", 1},
	"cloudwatch-logs/storage":            {"AmazonCloudWatch", "TimedStorage-ByteHrs", 1},
	"cloudwatch/alarm":                   {"AmazonCloudWatch", "CW:AlarmMonitorUsage", 1},
	"cloudwatch/custom metric":           {"AmazonCloudWatch", "CW:MetricMonitorUsage", 1},
	"dynamodb/on-demand read":            {"AmazonDynamoDB", "ReadRequestUnits", 1},
	"dynamodb/on-demand write":           {"AmazonDynamoDB", "WriteRequestUnits", 1},
	"dynamodb/pitr":                      {"AmazonDynamoDB", "TimedPITRStorage-ByteHrs", 1},
	"dynamodb/storage":                   {"AmazonDynamoDB", "TimedStorage-ByteHrs", 1},
	"ebs/gp2":                            {"AmazonEC2", "EBS:VolumeUsage.gp2", 1},
	"ebs/gp3":                            {"AmazonEC2", "EBS:VolumeUsage.gp3", 1},
	"ecr/storage":                        {"AmazonECR", "TimedStorage-ByteHrs", 1},
	"eks/control plane standard support": {"AmazonEKS", "AmazonEKS-Hours:perCluster", 1},
	"emr-serverless/memory arm64":        {"ElasticMapReduce", "EMR-SERVERLESS-ARM-MemoryGBHours", 1},
	"emr-serverless/memory x86":          {"ElasticMapReduce", "EMR-SERVERLESS-MemoryGBHours", 1},
	"emr-serverless/vcpu arm64":          {"ElasticMapReduce", "EMR-SERVERLESS-ARM-vCPUHours", 1},
	"emr-serverless/vcpu x86":            {"ElasticMapReduce", "EMR-SERVERLESS-vCPUHours", 1},
	"kms/key":                            {"awskms", "KMS-Keys", 1},
	"kms/requests":                       {"awskms", "KMS-Requests", 1e4},
	"lambda/duration arm64 tier1":        {"AWSLambda", "Lambda-GB-Second-ARM", 1},
	"lambda/duration x86 tier1":          {"AWSLambda", "Lambda-GB-Second", 1},
	"lambda/requests":                    {"AWSLambda", "Request", 1e6},
	"nat-gateway/data processed":         {"AmazonEC2", "NatGateway-Bytes", 1},
	"nat-gateway/hour":                   {"AmazonEC2", "NatGateway-Hours", 1},
	"redshift-serverless/RPU":            {"AmazonRedshift", "Redshift:ServerlessUsage", 1},
	"redshift-serverless/storage":        {"AmazonRedshift", "RMS:Serverless", 1},
	"s3/get standard":                    {"AmazonS3", "Requests-Tier2", 1e3},
	"s3/put/copy/post/list standard":     {"AmazonS3", "Requests-Tier1", 1e3},
	"s3/standard first 50TB":             {"AmazonS3", "TimedStorage-ByteHrs", 1},
	"s3/standard-ia":                     {"AmazonS3", "TimedStorage-SIA-ByteHrs", 1},
	"sagemaker-serverless/memory":        {"AmazonSageMaker", "ServerlessInf:Mem-1GB", 1},
	"secretsmanager/api":                 {"AWSSecretsManager", "AWSSecretsManagerAPIRequest", 1e4},
	"secretsmanager/secret":              {"AWSSecretsManager", "AWSSecretsManager-Secrets", 1},
	"stepfunctions/standard transitions": {"AmazonStates", "StateTransition", 1e3},
	"vpc-endpoint/data processed":        {"AmazonVPC", "VpcEndpoint-Bytes", 1},
	"vpc-endpoint/interface per AZ":      {"AmazonVPC", "VpcEndpoint-Hours", 1},
}

// sagemakerUsage are the beginnings of usage types by service.
var sagemakerUsage = map[string]string{
	"sagemaker-hosting": "Host:", "sagemaker-processing": "Processing:", "sagemaker-training": "Train:",
}

// awsOffer finds where a row stands in the price list; ok is false where it has no place there.
func awsOffer(q quote) (offer, bool) {
	if o, ok := awsOffers[q.service+"/"+q.sku]; ok {
		return o, true
	}
	if q.service == "ec2-ondemand" {
		return offer{"AmazonEC2", "BoxUsage:" + q.sku, 1}, true
	}
	if begins, ok := sagemakerUsage[q.service]; ok && strings.HasPrefix(q.sku, "ml.") {
		return offer{"AmazonSageMaker", begins + q.sku, 1}, true
	}
	return offer{}, false
}

// aws reads the price list of each service in a region.
func (s *Source) aws(ctx context.Context, region string, quotes []quote) (map[quote]found, error) {
	byOffer := map[string]map[string][]quote{}
	for _, q := range quotes {
		if o, ok := awsOffer(q); ok {
			if byOffer[o.code] == nil {
				byOffer[o.code] = map[string][]quote{}
			}
			byOffer[o.code][o.usage] = append(byOffer[o.code][o.usage], q)
		}
	}
	answers := map[quote]found{}
	for _, code := range slices.Sorted(maps.Keys(byOffer)) {
		address := s.AWS + "/offers/v1.0/aws/" + code + "/current/" + region + "/index.json"
		list := awsList{region: region, usage: map[string]string{}, prices: map[string]float64{}}
		for usage := range byOffer[code] {
			list.wanted = append(list.wanted, usage)
		}
		if err := s.get(ctx, address, list.read); err != nil {
			return nil, err
		}
		for usage, usd := range list.prices {
			for _, q := range byOffer[code][usage] {
				o, _ := awsOffer(q)
				answers[q] = found{usd * o.factor, "AWS Price List, offer " + code + ", usage type " + usage}
			}
		}
	}
	return answers, nil
}

// awsList is read as it comes: products stand before their terms, and only the wanted ones are kept.
type awsList struct {
	region string
	wanted []string
	usage  map[string]string  // usage type by SKU
	prices map[string]float64 // USD by usage type
}

type awsProduct struct {
	SKU        string            `json:"sku"`
	Attributes map[string]string `json:"attributes"`
}

type awsTerm struct {
	PriceDimensions map[string]struct {
		BeginRange   string            `json:"beginRange"`
		PricePerUnit map[string]string `json:"pricePerUnit"`
	} `json:"priceDimensions"`
}

func (l *awsList) read(r io.Reader) error {
	decoder := json.NewDecoder(r)
	return eachKey(decoder, func(key string) error {
		switch key {
		case "products":
			return eachKey(decoder, func(string) error {
				var product awsProduct
				if err := decoder.Decode(&product); err != nil {
					return err
				}
				l.product(product)
				return nil
			})
		case "terms":
			return eachKey(decoder, func(kind string) error {
				if kind != "OnDemand" {
					return skip(decoder)
				}
				return eachKey(decoder, func(sku string) error {
					var terms map[string]awsTerm
					if err := decoder.Decode(&terms); err != nil {
						return err
					}
					return l.term(sku, terms)
				})
			})
		default:
			return skip(decoder)
		}
	})
}

// regionPrefix is what a usage type begins with outside us-east-1, and in some services there too.
var regionPrefix = regexp.MustCompile(`^(([A-Z]{2,4}\d|[a-z]{2}-[a-z]+-\d)-)?$`)

// product keeps what is wanted. A machine is sold in many ways; the plain one is a shared Linux machine without more.
func (l *awsList) product(p awsProduct) {
	a := p.Attributes
	usage := a["usagetype"]
	for _, wanted := range l.wanted {
		begins, ok := strings.CutSuffix(usage, wanted)
		if !ok || !regionPrefix.MatchString(begins) {
			continue
		}
		plain := a["operatingSystem"] == "Linux" && a["tenancy"] == "Shared" && a["capacitystatus"] == "Used" &&
			a["preInstalledSw"] == "NA"
		if strings.HasPrefix(wanted, "BoxUsage:") && !plain {
			continue
		}
		if a["regionCode"] == "" || a["regionCode"] == l.region {
			l.usage[p.SKU] = wanted
		}
	}
}

// term takes the first step of a price that is not free.
func (l *awsList) term(sku string, terms map[string]awsTerm) error {
	usage, ok := l.usage[sku]
	if !ok {
		return nil
	}
	begin := -1.0
	for _, term := range terms {
		for _, d := range term.PriceDimensions {
			usd, err := strconv.ParseFloat(d.PricePerUnit["USD"], 64)
			if err != nil {
				return fmt.Errorf("%s: price %q: %w", usage, d.PricePerUnit["USD"], err)
			}
			at, err := strconv.ParseFloat(d.BeginRange, 64)
			if err != nil {
				at = 0
			}
			if usd > 0 && (begin < 0 || at < begin) {
				begin, l.prices[usage] = at, usd
			}
		}
	}
	return nil
}

// eachKey walks an object: f reads the value of each key.
func eachKey(decoder *json.Decoder, f func(key string) error) error {
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return fmt.Errorf("found %v, want an object: %w", token, err)
	}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return err
		}
		key, _ := token.(string)
		if err := f(key); err != nil {
			return err
		}
	}
	_, err := decoder.Token()
	return err
}

func skip(decoder *json.Decoder) error {
	var nothing json.RawMessage
	return decoder.Decode(&nothing)
}

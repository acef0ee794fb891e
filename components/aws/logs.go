package aws

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// retentions are the periods that CloudWatch Logs knows, in days.
var retentions = []int{
	1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
}

// retention is the shortest period that CloudWatch Logs knows of at least so many days.
func retention(days int) int {
	for _, known := range retentions {
		if known >= days {
			return known
		}
	}
	return retentions[len(retentions)-1]
}

// logGroup is a log group that was made.
type logGroup struct {
	name     string
	arn      string // known before it is there
	resource *cloudwatch.LogGroup
}

// newLogGroup makes a log group. path is its name, such as /aws/lambda/<function>: some services choose it themselves,
// and would make it without an end if it were not there.
func (l *layer) newLogGroup(part, path string, how components.Logging) (*logGroup, error) {
	made, err := cloudwatch.NewLogGroup(l.Context, l.Part(part), &cloudwatch.LogGroupArgs{
		Name: pulumi.String(path), RetentionInDays: pulumi.Int(retention(how.RetentionDays)), KmsKeyId: orNil(how.Key),
		Tags: l.tags(internal),
	}, l.With()...)
	if err != nil {
		return nil, err
	}
	return &logGroup{name: path, arn: l.arn("logs", "log-group:%s", path), resource: made}, nil
}

// writeLogs lets a role write to the log group.
func (g *logGroup) writeLogs() Statement {
	return Statement{
		Sid: "WriteLogs", Actions: []string{"logs:CreateLogStream", "logs:PutLogEvents"},
		Resources: here(g.arn + ":*"),
	}
}

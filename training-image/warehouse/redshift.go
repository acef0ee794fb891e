//go:build cloud

package warehouse

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/redshiftdata"
	redshifttypes "github.com/aws/aws-sdk-go-v2/service/redshiftdata/types"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/duck"
)

func init() { //nolint:gochecknoinits // as the Go CDK does it: a build tag adds schemes
	loaders["redshift-data"] = loadRedshift
}

// The time between two looks at a statement that runs: it begins short and doubles.
const (
	firstLook = 200 * time.Millisecond
	longLook  = 10 * time.Second
)

// ErrStatement means that the warehouse could not do a statement.
var ErrStatement = errors.New("the warehouse refused a statement")

// open reads workgroup, database and configuration out of an address.
func open(ctx context.Context, u *url.URL) (workgroup, database string, c aws.Config, err error) {
	workgroup, database = u.Host, strings.TrimPrefix(u.Path, "/")
	if workgroup == "" || database == "" || strings.Contains(database, "/") {
		return "", "", c, fmt.Errorf("%w: want %s://WORKGROUP/DATABASE?region=REGION", ErrScheme, u.Scheme)
	}
	var options []func(*config.LoadOptions) error
	if region := u.Query().Get("region"); region != "" {
		options = append(options, config.WithRegion(region))
	}
	c, err = config.LoadDefaultConfig(ctx, options...)
	return workgroup, database, c, err
}

// await looks at a statement until it has ended.
func await(ctx context.Context, look func() (ended bool, err error)) error {
	for pause := firstLook; ; pause = min(2*pause, longLook) {
		ended, err := look()
		if ended || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// redshiftTypes are the types of Redshift.
var redshiftTypes = map[pipeline.Type]string{
	pipeline.Integer: "BIGINT", pipeline.Float: "DOUBLE PRECISION", pipeline.Boolean: "BOOLEAN",
	pipeline.Text: "VARCHAR(65535)", pipeline.Category: "VARCHAR(65535)", pipeline.Timestamp: "TIMESTAMP",
}

// loadRedshift makes the table anew from the file in the lake, in one transaction. The schema is made with the
// warehouse.
func loadRedshift(ctx context.Context, u *url.URL, t Table) error {
	workgroup, database, c, err := open(ctx, u)
	if err != nil {
		return err
	}
	columns := make([]string, len(t.Columns))
	for i, column := range t.Columns {
		columns[i] = duck.Name(column.Name) + " " + redshiftTypes[column.Type]
	}
	role := "default"
	if named := u.Query().Get("iam_role"); named != "" && named != role {
		role = duck.Text(named)
	}
	table := Schema + "." + duck.Name(t.Name)
	client := redshiftdata.NewFromConfig(c)
	started, err := client.BatchExecuteStatement(ctx, &redshiftdata.BatchExecuteStatementInput{
		WorkgroupName: &workgroup, Database: &database, Sqls: []string{
			"DROP TABLE IF EXISTS " + table,
			"CREATE TABLE " + table + " (" + strings.Join(columns, ", ") + ")",
			"COPY " + table + " FROM " + duck.Text(t.ZoneURI+"/"+t.Key) + " IAM_ROLE " + role + " FORMAT AS PARQUET",
		},
	})
	if err != nil {
		return err
	}
	return await(ctx, func() (bool, error) {
		got, err := client.DescribeStatement(ctx, &redshiftdata.DescribeStatementInput{Id: started.Id})
		if err != nil {
			return false, err
		}
		switch got.Status {
		case redshifttypes.StatusStringFinished:
			return true, nil
		case redshifttypes.StatusStringFailed, redshifttypes.StatusStringAborted:
			return true, fmt.Errorf("%w: %s", ErrStatement, aws.ToString(got.Error))
		case redshifttypes.StatusStringAll, redshifttypes.StatusStringPicked, redshifttypes.StatusStringStarted,
			redshifttypes.StatusStringSubmitted:
		}
		return false, nil
	})
}

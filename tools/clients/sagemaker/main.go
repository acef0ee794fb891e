// Command sagemaker asks an endpoint as a program on AWS does: with InvokeEndpoint of the AWS SDK. It reads the body
// from the standard input and writes the answer, or the error of the SDK, as JSON.
//
//	sagemaker -url http://127.0.0.1:8080 -type text/csv <rows.csv
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

func main() {
	url := flag.String("url", "", "address of the endpoint")
	contentType := flag.String("type", "application/json", "content type of the body")
	accept := flag.String("accept", "", "content type of the answer")
	attributes := flag.String("attributes", "", "custom attributes")
	flag.Parse()
	if err := run(*url, *contentType, *accept, *attributes); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

// answer is what the SDK gave.
type answer struct {
	Body        string `json:"body,omitempty"`
	ContentType string `json:"contentType,omitempty"`
	Attributes  string `json:"attributes,omitempty"`
	// Code and Message are those of an error.
	Code    int    `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
}

func run(url, contentType, accept, attributes string) error {
	body, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	client := sagemakerruntime.New(sagemakerruntime.Options{
		Region: "eu-central-1", BaseEndpoint: aws.String(url), RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "nobody", SecretAccessKey: "nothing"}, nil
		}),
		APIOptions: []func(*middleware.Stack) error{onInvocations},
	})
	in := &sagemakerruntime.InvokeEndpointInput{
		EndpointName: aws.String("tumour"), Body: body, ContentType: aws.String(contentType),
	}
	if accept != "" {
		in.Accept = aws.String(accept)
	}
	if attributes != "" {
		in.CustomAttributes = aws.String(attributes)
	}
	out, err := client.InvokeEndpoint(context.Background(), in)
	var a answer
	var response *smithyhttp.ResponseError
	switch {
	case errors.As(err, &response):
		a = answer{Code: response.HTTPStatusCode(), Message: err.Error()}
	case err != nil:
		return err
	default:
		a = answer{Body: string(out.Body), ContentType: aws.ToString(out.ContentType),
			Attributes: aws.ToString(out.CustomAttributes)}
	}
	return json.NewEncoder(os.Stdout).Encode(a)
}

// onInvocations does what SageMaker's front does: the SDK asks /endpoints/<name>/invocations, a container gets
// /invocations.
func onInvocations(stack *middleware.Stack) error {
	return stack.Finalize.Add(middleware.FinalizeMiddlewareFunc("Front",
		func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
			middleware.FinalizeOutput, middleware.Metadata, error,
		) {
			if r, ok := in.Request.(*smithyhttp.Request); ok {
				r.URL.Path, r.URL.RawPath = "/invocations", ""
			}
			return next.HandleFinalize(ctx, in)
		}), middleware.After)
}

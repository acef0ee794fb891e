package provider

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"

	"github.com/pulumi/pulumi-go-provider/infer"
)

// tokenBytes is the strength of a token: 256 random bits.
const tokenBytes = 32

// Token is a random secret in a file that only its owner can read.
type Token struct{}

// TokenArgs are the inputs of a Token.
type TokenArgs struct {
	Path string `pulumi:"path"`
}

// TokenState is a Token that exists.
type TokenState struct {
	TokenArgs
	Token string `pulumi:"token" provider:"secret"`
}

// Annotate describes the resource in the schema.
func (t *Token) Annotate(a infer.Annotator) {
	a.Describe(&t, "A random secret of 32 bytes in hexadecimal digits, in a file that only its owner can read.")
}

// Annotate describes the inputs in the schema.
func (t *TokenArgs) Annotate(a infer.Annotator) {
	a.Describe(&t.Path, "Absolute path of the file. Its directory must exist. A change replaces the token.")
}

// Annotate describes the outputs in the schema.
func (t *TokenState) Annotate(a infer.Annotator) {
	a.Describe(&t.Token, "The secret.")
}

// WireDependencies keeps the token secret whatever the inputs are.
func (*Token) WireDependencies(f infer.FieldSelector, _ *TokenArgs, state *TokenState) {
	f.OutputField(&state.Token).AlwaysSecret()
}

// Check wants an absolute path.
func (*Token) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[TokenArgs], error) {
	args, failures, err := infer.DefaultCheck[TokenArgs](ctx, req.NewInputs)
	c := checker{inputs: req.NewInputs, failures: failures}
	if err == nil && len(failures) == 0 {
		c.absolute("path", args.Path)
	}
	return infer.CheckResponse[TokenArgs]{Inputs: args, Failures: c.failures}, err
}

// Diff sees a changed path. The secret itself never changes by itself.
func (*Token) Diff(_ context.Context, req infer.DiffRequest[TokenArgs, TokenState]) (infer.DiffResponse, error) {
	var d differ
	d.replace("path", req.State.Path != req.Inputs.Path)
	return d.response(), nil
}

// Create adopts the token in the file where there is a whole one, and otherwise makes a new one.
func (*Token) Create(
	_ context.Context, req infer.CreateRequest[TokenArgs],
) (infer.CreateResponse[TokenState], error) {
	response := infer.CreateResponse[TokenState]{ID: req.Inputs.Path, Output: TokenState{TokenArgs: req.Inputs}}
	if req.DryRun {
		return response, nil
	}
	token, err := readToken(req.Inputs.Path)
	if err != nil {
		return infer.CreateResponse[TokenState]{}, err
	}
	if token == "" {
		random := make([]byte, tokenBytes)
		if _, err := rand.Read(random); err != nil {
			return infer.CreateResponse[TokenState]{}, fmt.Errorf("making the token %s: %w", req.Inputs.Path, err)
		}
		token = hex.EncodeToString(random)
		if err := writeAtomically(req.Inputs.Path, []byte(token)); err != nil {
			return infer.CreateResponse[TokenState]{}, err
		}
	}
	response.Output.Token = token
	return response, nil
}

// readToken gives the token in a file; empty where there is no file, others may read it, or it holds something else.
func readToken(path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil {
		if isMissing(err) {
			return "", nil
		}
		return "", fmt.Errorf("reading the token %s: %w", path, advise(err))
	}
	if !info.Mode().IsRegular() || info.Mode().Perm() != fileMode {
		return "", nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading the token %s: %w", path, advise(err))
	}
	if !sha256Pattern.Match(data) { // a token has the form of a SHA-256
		return "", nil
	}
	return string(data), nil
}

// Read looks at the file. A missing, broken or exposed token is gone, so that the next up makes a new one; one that
// somebody has exchanged becomes the state, so that the next up hands it to those who use it.
func (*Token) Read(
	_ context.Context, req infer.ReadRequest[TokenArgs, TokenState],
) (infer.ReadResponse[TokenArgs, TokenState], error) {
	token, err := readToken(req.ID)
	if err != nil || token == "" {
		return infer.ReadResponse[TokenArgs, TokenState]{}, err
	}
	req.State.Path = req.ID
	req.State.Token = token
	return infer.ReadResponse[TokenArgs, TokenState](req), nil
}

// Delete removes the file.
func (*Token) Delete(_ context.Context, req infer.DeleteRequest[TokenState]) (infer.DeleteResponse, error) {
	return infer.DeleteResponse{}, removeFile(req.State.Path)
}

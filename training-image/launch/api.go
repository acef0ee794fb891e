package launch

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/mlpathway/mlpathway/internal/clusterjob"
)

// api speaks with the API server of a cluster about JobSets.
type api struct {
	cluster clusterjob.Cluster
	token   tokens
	client  *http.Client
}

// reference names a job.
type reference struct{ namespace, name string }

// String is for people.
func (r reference) String() string { return r.namespace + "/" + r.name }

// The states that a job ends in.
const (
	completed = "Completed"
	failed    = "Failed"
)

// status is what a cluster says of a job.
type status struct {
	state     string // "" while it has not ended
	message   string
	suspended bool
	deleted   bool // it is on its way
}

// Answers of a cluster.
var (
	errConflict = errors.New("there is one of this name")
	errGone     = errors.New("there is none of this name")
	errPassing  = errors.New("the cluster does not answer")
)

// passing reports whether the same request may work later.
func passing(err error) bool { return errors.Is(err, errPassing) || errors.Is(err, errAgain) }

// requestTimeout bounds one request.
const requestTimeout = 30 * time.Second

func newAPI(c clusterjob.Cluster, token tokens) (*api, error) {
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%w: the endpoint of the cluster is %q, want https://HOST", ErrDescription, c.Endpoint)
	}
	authority, err := base64.StdEncoding.DecodeString(c.Authority)
	if err != nil {
		return nil, fmt.Errorf("%w: the authority of the cluster: %w", ErrDescription, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("%w: the authority of the cluster is no certificate in PEM", ErrDescription)
	}
	return &api{cluster: c, token: token, client: &http.Client{
		Timeout:   requestTimeout,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}},
	}}, nil
}

func (a *api) path(j reference, name string) string {
	return "/apis/jobset.x-k8s.io/v1alpha2/namespaces/" + url.PathEscape(j.namespace) + "/jobsets" + name
}

func (a *api) create(ctx context.Context, j reference, job map[string]any) error {
	data, err := json.Marshal(job)
	if err != nil {
		return err
	}
	_, err = a.do(ctx, http.MethodPost, a.path(j, ""), data)
	return err
}

// delete deletes a job with everything that it made; one that is not there is deleted already.
func (a *api) delete(ctx context.Context, j reference) error {
	_, err := a.do(ctx, http.MethodDelete, a.path(j, "/"+url.PathEscape(j.name)),
		[]byte(`{"apiVersion":"v1","kind":"DeleteOptions","propagationPolicy":"Foreground"}`))
	if errors.Is(err, errGone) {
		return nil
	}
	return err
}

func (a *api) get(ctx context.Context, j reference) (status, error) {
	data, err := a.do(ctx, http.MethodGet, a.path(j, "/"+url.PathEscape(j.name)), nil)
	if err != nil {
		return status{}, err
	}
	var found struct {
		Metadata struct {
			DeletionTimestamp string `json:"deletionTimestamp"`
		} `json:"metadata"`
		Spec struct {
			Suspend bool `json:"suspend"`
		} `json:"spec"`
		Status struct {
			TerminalState string `json:"terminalState"`
			Conditions    []struct{ Type, Reason, Message string }
		} `json:"status"`
	}
	if err := json.Unmarshal(data, &found); err != nil {
		return status{}, fmt.Errorf("reading the cluster's answer: %w", err)
	}
	now := status{
		state: found.Status.TerminalState, suspended: found.Spec.Suspend, deleted: found.Metadata.DeletionTimestamp != "",
	}
	for _, c := range found.Status.Conditions {
		if c.Type == now.state {
			now.message = c.Reason + ": " + c.Message
		}
	}
	return now, nil
}

// do sends one request. Errors: errConflict, errGone, errPassing, or what the cluster says.
func (a *api) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	token, err := a.token(ctx, a.cluster)
	if err != nil {
		return nil, fmt.Errorf("%w: proving who asks: %w", errPassing, err)
	}
	r, err := http.NewRequestWithContext(ctx, method, a.cluster.Endpoint+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Content-Type", "application/json")
	answer, err := a.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPassing, err)
	}
	defer func() { _ = answer.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(answer.Body, 4<<20))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPassing, err)
	}
	if answer.StatusCode < 300 {
		return data, nil
	}
	var said struct{ Message string }
	_ = json.Unmarshal(data, &said) // what is no JSON says nothing
	err = map[int]error{
		http.StatusConflict: errConflict, http.StatusNotFound: errGone, http.StatusTooManyRequests: errPassing,
	}[answer.StatusCode]
	if answer.StatusCode >= 500 {
		err = errPassing
	}
	if err == nil {
		return nil, fmt.Errorf("the cluster answers %s: %s", answer.Status, said.Message)
	}
	return nil, fmt.Errorf("%w: %s: %s", err, answer.Status, said.Message)
}

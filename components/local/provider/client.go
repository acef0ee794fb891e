package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

// requestTimeout is what process-compose gets for an answer that needs no waiting for processes.
const requestTimeout = 10 * time.Second

// errNotRunning means that nobody listens on the socket.
var errNotRunning = errors.New("the supervisor is not running")

// client talks to process-compose over its unix socket.
type client struct {
	socket string
	http   *http.Client
}

// processState is what process-compose knows about a process.
type processState struct {
	Name      string `json:"name"`
	Status    string `json:"status"`
	Health    string `json:"is_ready"`
	Restarts  int    `json:"restarts"`
	ExitCode  int    `json:"exit_code"`
	PID       int    `json:"pid"`
	IsRunning bool   `json:"is_running"`
	// Age is the time since the last start.
	Age time.Duration `json:"age"`
}

// processInfo is the part of a process's configuration that is compared with the wanted one.
type processInfo struct {
	LogLocation string    `json:"LogLocation"`
	Schedule    *struct{} `json:"Schedule"`
	Extensions  struct {
		Digest string `json:"x-digest"`
	} `json:"Extensions"`
}

func newClient(socket string) *client {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "unix", socket)
		},
		DisableKeepAlives: true, // an idle connection would hold up the end of process-compose
	}
	return &client{socket: socket, http: &http.Client{Transport: transport}}
}

// alive tells whether the API answers.
func (c *client) alive(ctx context.Context) bool {
	return c.do(ctx, http.MethodGet, "/live", requestTimeout, nil) == nil
}

// listening tells whether anybody is at the socket, even if too busy to answer.
func (c *client) listening(ctx context.Context) bool {
	return !errors.Is(c.do(ctx, http.MethodGet, "/live", requestTimeout, nil), errNotRunning)
}

// processes gives the states of all processes by name.
func (c *client) processes(ctx context.Context) (map[string]processState, error) {
	var answer struct {
		Data []processState `json:"data"`
	}
	if err := c.do(ctx, http.MethodGet, "/processes", requestTimeout, &answer); err != nil {
		return nil, err
	}
	states := make(map[string]processState, len(answer.Data))
	for _, state := range answer.Data {
		states[state.Name] = state
	}
	return states, nil
}

// info gives the configuration that a process runs with.
func (c *client) info(ctx context.Context, name string) (*processInfo, error) {
	var info processInfo
	if err := c.do(ctx, http.MethodGet, "/process/info/"+url.PathEscape(name), requestTimeout, &info); err != nil {
		return nil, err
	}
	return &info, nil
}

// start starts a process that does not run; restart stops it first where it does.
func (c *client) start(ctx context.Context, name string) error {
	return c.do(ctx, http.MethodPost, "/process/start/"+url.PathEscape(name), requestTimeout, nil)
}

func (c *client) restart(ctx context.Context, name string, timeout time.Duration) error {
	return c.do(ctx, http.MethodPost, "/process/restart/"+url.PathEscape(name), requestTimeout+timeout, nil)
}

// reload makes process-compose read its configuration again. It answers when removed processes have ended.
func (c *client) reload(ctx context.Context, timeout time.Duration) error {
	return c.do(ctx, http.MethodPost, "/project/configuration", requestTimeout+timeout, nil)
}

// stopAll asks process-compose to end all processes and itself. The answer comes before the end.
func (c *client) stopAll(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "/project/stop", requestTimeout, nil)
}

func (c *client) do(ctx context.Context, method, path string, timeout time.Duration, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://process-compose"+path, http.NoBody)
	if err != nil {
		return fmt.Errorf("asking the supervisor %s %s: %w", method, path, err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED) {
			return fmt.Errorf("asking the supervisor %s %s: %w", method, path, errNotRunning)
		}
		return fmt.Errorf("asking the supervisor %s %s: %w", method, path, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("asking the supervisor %s %s: %w", method, path, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("asking the supervisor %s %s: it answered %s: %s", method, path, response.Status, body)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return fmt.Errorf("asking the supervisor %s %s: reading its answer: %w", method, path, err)
	}
	return nil
}

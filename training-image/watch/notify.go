package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// errRefused means that the supervisor answered, and not with a yes.
var errRefused = errors.New("refused")

// notifier posts to one address.
type notifier struct {
	client *http.Client
	url    string
	token  string // a file with a bearer token; "" for none
}

// newNotifier understands http://host/path, https://host/path and unix:///path/to.sock:/path.
func newNotifier(address string) (*notifier, error) {
	n := &notifier{client: &http.Client{Timeout: 10 * time.Second}, url: address}
	if rest, ok := strings.CutPrefix(address, "unix://"); ok {
		at := strings.LastIndex(rest, ":/")
		if at <= 0 || !strings.HasPrefix(rest, "/") {
			return nil, fmt.Errorf("%q is no address such as unix:///path/to.sock:/process/start/pipeline", address)
		}
		socket := rest[:at]
		n.url = "http://socket" + rest[at+1:]
		n.client.Transport = &http.Transport{DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", socket)
			}}
		return n, nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is no address such as http://127.0.0.1:8080/process/start/pipeline or "+
			"unix:///path/to.sock:/process/start/pipeline", address)
	}
	return n, nil
}

// post asks once. errRefused, with the answer, where the status is not 2xx.
func (n *notifier) post(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url, nil)
	if err != nil {
		return err
	}
	if n.token != "" {
		token, err := os.ReadFile(n.token) // each time: whoever wrote it renews it
		if err != nil {
			return fmt.Errorf("reading the token: %w", err)
		}
		request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	response, err := n.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10)) // only for the message
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%w: %s: %s", errRefused, response.Status, strings.TrimSpace(string(body)))
	}
	return nil
}

// Package discovery asks the API server of a cluster which kinds it serves, in the way and with the credentials of the
// kubeconfig of whoever runs Pulumi: those that the provider uses.
package discovery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Timeout bounds a question to a cluster that may not answer.
const Timeout = 15 * time.Second

// Look gives the groups and versions that the cluster of a context of the kubeconfig serves, and the kinds of those
// that are wanted.
func Look(ctx context.Context, name string, wanted []string) (map[string][]string, error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(clientcmd.NewDefaultClientConfigLoadingRules(),
		&clientcmd.ConfigOverrides{CurrentContext: name}).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	s := server{client: client, url: strings.TrimSuffix(config.Host, "/")}
	return s.kinds(ctx, wanted)
}

// server is an API server.
type server struct {
	client *http.Client
	url    string
}

func (s *server) kinds(ctx context.Context, wanted []string) (map[string][]string, error) {
	var groups struct {
		Groups []struct {
			Versions []struct {
				GroupVersion string `json:"groupVersion"`
			} `json:"versions"`
		} `json:"groups"`
	}
	if err := s.get(ctx, "/apis", &groups); err != nil {
		return nil, err
	}
	served := map[string][]string{}
	for _, group := range groups.Groups {
		for _, version := range group.Versions {
			served[version.GroupVersion] = nil
		}
	}
	for _, version := range wanted {
		if _, ok := served[version]; !ok {
			continue
		}
		var list struct {
			Resources []struct {
				Kind string `json:"kind"`
			} `json:"resources"`
		}
		err := s.get(ctx, "/apis/"+version, &list)
		if errors.Is(err, errGone) { // what stands behind it does not answer
			delete(served, version)
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, resource := range list.Resources {
			served[version] = append(served[version], resource.Kind)
		}
	}
	return served, nil
}

// errGone means that the server does not serve a path, or that what it passes requests to does not answer.
var errGone = errors.New("is not served")

func (s *server) get(ctx context.Context, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return fmt.Errorf("asking the cluster: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusServiceUnavailable:
		return fmt.Errorf("asking the cluster for %s: %s: %w", path, response.Status, errGone)
	default:
		return fmt.Errorf("asking the cluster for %s: %s", path, response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fmt.Errorf("reading the answer of the cluster to %s: %w", path, err)
	}
	return nil
}

package serve

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mlpathway/mlpathway/inference-image/model"
	"github.com/mlpathway/mlpathway/inference-image/protocol"
)

// deployment is one model of the server, in one version or in several that share its requests.
type deployment struct {
	name   string
	arms   []*arm
	shadow *arm // answers nobody; nil where there is none
	queue  chan shadowed
}

// arm is one version that takes a part of the requests: the one that an alias stands for.
type arm struct {
	alias   string
	percent int
	current atomic.Pointer[served] // nil before the first model
}

// served is a model with all that does not change from answer to answer.
type served struct {
	*model.Model
	answers   *protocol.Answers
	version   []string // the value of the header that names the version
	batcher   *batcher // nil where rows are not gathered
	ok        prometheus.Counter
	seconds   prometheus.Observer
	predicted prometheus.Counter
	batchSize prometheus.Observer
}

func newServed(m *model.Model, metrics *metrics) *served {
	name, version := m.Manifest.Name, m.Manifest.Version
	return &served{Model: m, answers: protocol.NewAnswers(m), version: []string{version},
		ok:        metrics.requests.WithLabelValues(name, version, "200"),
		seconds:   metrics.seconds.WithLabelValues(name, version, "200"),
		predicted: metrics.rows.WithLabelValues(name, version),
		batchSize: metrics.batchRows.WithLabelValues(name, version)}
}

// choose takes the version that answers a request; nil where there is none yet. An arm without a version leaves its
// part to the others.
func (d *deployment) choose() *served {
	if len(d.arms) == 1 {
		return d.arms[0].current.Load()
	}
	at := rand.IntN(100)
	var any *served
	for _, a := range d.arms {
		s := a.current.Load()
		if s != nil && at < a.percent {
			return s
		}
		if any == nil {
			any = s
		}
		at -= a.percent
	}
	return any
}

// version finds a version that is served now, by its name.
func (d *deployment) version(version string) *served {
	for _, a := range d.arms {
		if s := a.current.Load(); s != nil && s.Manifest.Version == version {
			return s
		}
	}
	return nil
}

// ready reports whether requests can be answered.
func (d *deployment) ready() bool {
	for _, a := range d.arms {
		if a.current.Load() != nil {
			return true
		}
	}
	return false
}

// parseTraffic reads aliases and their shares in percent, such as production=90,canary=10, which sum up to 100. A text
// without shares is one alias that takes all.
func parseTraffic(text string) ([]*arm, error) {
	var arms []*arm
	sum := 0
	for part := range strings.SplitSeq(text, ",") {
		alias, share, found := strings.Cut(strings.TrimSpace(part), "=")
		percent := 100
		if found {
			var err error
			if percent, err = strconv.Atoi(share); err != nil || percent < 0 || percent > 100 {
				return nil, fmt.Errorf("the traffic %q: found the share %q, want whole percent", text, share)
			}
		}
		if alias == "" {
			return nil, fmt.Errorf("the traffic %q: an alias has no name; want such as production=90,canary=10", text)
		}
		for _, a := range arms {
			if a.alias == alias {
				return nil, fmt.Errorf("the traffic %q: the alias %s stands there twice", text, alias)
			}
		}
		arms = append(arms, &arm{alias: alias, percent: percent})
		sum += percent
	}
	if sum != 100 {
		return nil, fmt.Errorf("the traffic %q: the shares sum up to %d, want 100", text, sum)
	}
	return arms, nil
}

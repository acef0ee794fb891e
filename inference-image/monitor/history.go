package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/mlpathway/mlpathway/internal/lake"
)

// shownReports is how many reports the page's history covers.
const shownReports = 96 // a day at one report every 15 minutes

// point is one report in the history.
type point struct {
	Time       time.Time
	Version    string
	Status     Status
	Prediction float64 // the index of the prediction; -1 where there is none
	Largest    float64 // the largest index of a feature; -1 where there is none
	Drifted    int
}

func newPoint(r *Report) point {
	p := point{Time: r.Time, Version: r.Version, Status: r.Status, Prediction: -1, Largest: -1, Drifted: len(r.Drifted)}
	if r.Prediction != nil {
		p.Prediction = r.Prediction.psi()
	}
	for i := range r.Features {
		p.Largest = max(p.Largest, r.Features[i].psi())
	}
	return p
}

// reports lists the keys of all reports, oldest first.
func reports(ctx context.Context, results *lake.Zone) ([]string, error) {
	objects, err := results.List(ctx, Prefix)
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, o := range objects {
		name := strings.TrimPrefix(o.Key, Prefix)
		if strings.HasSuffix(name, ".json") && o.Key != LatestReport && !strings.Contains(name, "/") {
			keys = append(keys, o.Key)
		}
	}
	return keys, nil
}

// history reads the newest reports, oldest first. One that cannot be read is left out.
func history(ctx context.Context, results *lake.Zone, keys []string) ([]point, error) {
	if len(keys) > shownReports-1 {
		keys = keys[len(keys)-shownReports+1:]
	}
	var points []point
	for _, key := range keys {
		data, err := results.Read(ctx, key)
		if errors.Is(err, lake.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var r Report
		if json.Unmarshal(data, &r) == nil {
			points = append(points, newPoint(&r))
		}
	}
	return points, nil
}

package xgboost

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/mlpathway/mlpathway/training-image/rabit"
)

// collective are the functions by which ranks work together. They are looked for when they are needed.
type collective struct {
	init      func(config string) int32
	finalize  func() int32
	rank      func() int32
	world     func() int32
	broadcast func(buffer unsafe.Pointer, n uint64, root int32) int32

	// From version 2.1 on.
	trackerCreate func(config string, out *handle) int32
	trackerRun    func(h handle, config string) int32
	trackerArgs   func(h handle, out *pointer) int32
	trackerFree   func(h handle) int32
}

func (l *Library) bindCollective() error {
	if l.collective != nil {
		return nil
	}
	c := &collective{}
	all := map[string]any{"XGCommunicatorInit": &c.init, "XGCommunicatorFinalize": &c.finalize,
		"XGCommunicatorGetRank": &c.rank, "XGCommunicatorGetWorldSize": &c.world, "XGCommunicatorBroadcast": &c.broadcast}
	if _, err := purego.Dlsym(l.handle, "XGTrackerCreate"); err == nil {
		all["XGTrackerCreate"], all["XGTrackerRun"] = &c.trackerCreate, &c.trackerRun
		all["XGTrackerWorkerArgs"], all["XGTrackerFree"] = &c.trackerArgs, &c.trackerFree
	}
	for name, function := range all {
		symbol, err := purego.Dlsym(l.handle, name)
		if err != nil {
			return fmt.Errorf("xgboost %s cannot train on several ranks: %w", l.version, err)
		}
		purego.RegisterFunc(function, symbol)
	}
	l.collective = c
	return nil
}

// Tracker tells the ranks of a training where the others are. Rank 0 has it.
type Tracker struct {
	// Port that it listens at, on the host that it was given.
	Port int
	end  func()
}

// Close ends the tracker.
func (t *Tracker) Close() { t.end() }

// NewTracker starts a tracker for so many ranks at an address of this machine. The library's own is taken where it has
// one, and else that of the package rabit.
func (l *Library) NewTracker(host string, world int) (*Tracker, error) {
	if err := l.bindCollective(); err != nil {
		return nil, err
	}
	if l.collective.trackerCreate == nil {
		t, err := rabit.Start(host+":0", world)
		if err != nil {
			return nil, err
		}
		return &Tracker{Port: t.Port(), end: t.Close}, nil
	}
	config, err := json.Marshal(map[string]any{"dmlc_communicator": "rabit", "host": host, "n_workers": world, "port": 0,
		"sortby": 1, "timeout": 0}) // 1: by task id; 0: no time-out, because the ranks watch one another
	if err != nil {
		return nil, err
	}
	var h handle
	err = l.call("XGTrackerCreate", func() int32 { return l.collective.trackerCreate(string(config), &h) })
	if err != nil {
		return nil, err
	}
	if err := l.call("XGTrackerRun", func() int32 { return l.collective.trackerRun(h, "{}") }); err != nil {
		return nil, err
	}
	var args struct {
		Port int `json:"dmlc_tracker_port"`
	}
	var text string
	err = l.call("XGTrackerWorkerArgs", func() int32 {
		var out pointer
		code := l.collective.trackerArgs(h, &out)
		if code == 0 {
			text = cString(out)
		}
		return code
	})
	if err == nil {
		err = json.Unmarshal([]byte(text), &args)
	}
	return &Tracker{Port: args.Port, end: func() {
		// Freeing a tracker waits for ranks that may never come; the process ends with it anyway.
		go func() { _ = l.call("XGTrackerFree", func() int32 { return l.collective.trackerFree(h) }) }()
	}}, err
}

func cString(p pointer) string {
	n := 0
	for *(*byte)(unsafe.Add(p, n)) != 0 {
		n++
	}
	return string(unsafe.Slice((*byte)(p), n))
}

// patience is the number of seconds that one exchange may take: none that matters, because the ranks watch one another
// (3.0 takes 0 for no time at all).
const patience = 24 * 3600

// Collective is this rank's membership in a distributed training.
type Collective struct {
	library *Library // whose calls are made on the thread of the membership
	rank    int
}

// errRank means that the tracker gave a rank another number than its own.
var errRank = errors.New("the tracker gave another rank")

// Join connects a rank with the others, whose tracker listens at an address, and waits for all of them.
func (l *Library) Join(host string, port, rank, world int) (*Collective, error) {
	if err := l.bindCollective(); err != nil {
		return nil, err
	}
	settings := map[string]any{"dmlc_communicator": "rabit", "dmlc_tracker_uri": host, "dmlc_tracker_port": port,
		"dmlc_task_id": fmt.Sprintf("%06d", rank), "dmlc_retry": 5, "dmlc_timeout": patience}
	if l.collective.trackerCreate == nil {
		settings = map[string]any{"xgboost_communicator": "rabit", "rabit_tracker_uri": host,
			"rabit_tracker_port": strconv.Itoa(port), "rabit_task_id": strconv.Itoa(rank),
			"rabit_world_size":          strconv.Itoa(world),
			"rabit_enable_tcp_no_delay": "true"} // small messages would wait 40 ms for one another
	}
	config, err := json.Marshal(settings)
	if err != nil {
		return nil, err
	}
	own := *l
	own.thread = newThread()
	c := &Collective{library: &own, rank: rank}
	if err := own.thread.do(blockSignals); err != nil {
		return nil, err
	}
	err = own.call("XGCommunicatorInit", func() int32 { return l.collective.init(string(config)) })
	if err != nil {
		own.thread.close()
		return nil, err
	}
	return c, own.thread.do(func() error {
		if r, w := int(l.collective.rank()), int(l.collective.world()); r != rank || w != world {
			return fmt.Errorf("%w: %d of %d, want %d of %d", errRank, r, w, rank, world)
		}
		return nil
	})
}

// Library gives the library for this membership: what is made with it is trained together with the other ranks.
func (c *Collective) Library() *Library { return c.library }

// Broadcast gives all ranks what rank 0 has. All of them must call it.
func (c *Collective) Broadcast(data []byte) ([]byte, error) {
	n := uint64(len(data))
	if err := c.broadcast(unsafe.Pointer(&n), 8); err != nil {
		return nil, err
	}
	if c.rank != 0 {
		data = make([]byte, n)
	}
	if n == 0 {
		return nil, nil
	}
	err := c.broadcast(unsafe.Pointer(&data[0]), n)
	runtime.KeepAlive(data)
	return data, err
}

func (c *Collective) broadcast(buffer unsafe.Pointer, n uint64) error {
	return c.library.call("XGCommunicatorBroadcast", func() int32 {
		return c.library.collective.broadcast(buffer, n, 0)
	})
}

// Leave ends the membership in good order; all ranks must do it.
func (c *Collective) Leave() error {
	defer c.library.thread.close()
	return c.library.call("XGCommunicatorFinalize", c.library.collective.finalize)
}

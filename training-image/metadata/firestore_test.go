//go:build cloud

package metadata

import (
	"context"
	"maps"
	"net"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// firestoreDatabase is the only database of the stand-in.
const firestoreDatabase = "projects/ml/databases/(default)"

// firestore is a stand-in for Firestore: the three calls that a table makes, over the service's own gRPC protocol.
// It is neither the service nor Google's emulator: it knows one database, no transactions, no filters and no
// indexes, and refuses them.
type firestore struct {
	firestorepb.UnimplementedFirestoreServer

	mu        sync.Mutex
	documents map[string]*firestorepb.Document // by name
	calls     map[string]int
	denied    bool
}

// begin checks what every call must bring.
func (f *firestore) begin(ctx context.Context, call, database string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[call]++
	if f.denied {
		return status.Error(codes.PermissionDenied, "Missing or insufficient permissions.")
	}
	md, _ := metadata.FromIncomingContext(ctx)
	prefix := md.Get("google-cloud-resource-prefix")
	if !slices.Equal(prefix, []string{firestoreDatabase}) || database != firestoreDatabase {
		return status.Errorf(codes.NotFound, "The database %s does not exist", database)
	}
	return nil
}

// documentName tells whether a name is that of a document: collections and documents take turns, and none is empty.
func documentName(name string) bool {
	rest, ok := strings.CutPrefix(name, firestoreDatabase+"/documents/")
	parts := strings.Split(rest, "/")
	return ok && len(parts)%2 == 0 && !slices.Contains(parts, "")
}

// Commit applies writes, all or none.
func (f *firestore) Commit(ctx context.Context, r *firestorepb.CommitRequest) (*firestorepb.CommitResponse, error) {
	if err := f.begin(ctx, "Commit", r.GetDatabase()); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now, after := timestamppb.Now(), maps.Clone(f.documents)
	answer := &firestorepb.CommitResponse{CommitTime: now}
	for _, w := range r.GetWrites() {
		update, name := w.GetUpdate(), w.GetDelete()
		if update != nil {
			name = update.GetName()
		}
		if !documentName(name) || w.GetUpdateMask() != nil || len(w.GetUpdateTransforms()) > 0 ||
			w.GetCurrentDocument() != nil || len(r.GetTransaction()) > 0 {
			return nil, status.Errorf(codes.InvalidArgument, "the stand-in does not know the write %v", w)
		}
		delete(after, name)
		if update != nil {
			d := proto.CloneOf(update)
			d.CreateTime, d.UpdateTime = now, now
			after[name] = d
		}
		answer.WriteResults = append(answer.WriteResults, &firestorepb.WriteResult{UpdateTime: now})
	}
	f.documents = after
	return answer, nil
}

// BatchGetDocuments reads documents by their names.
func (f *firestore) BatchGetDocuments(r *firestorepb.BatchGetDocumentsRequest,
	answers firestorepb.Firestore_BatchGetDocumentsServer,
) error {
	if err := f.begin(answers.Context(), "BatchGetDocuments", r.GetDatabase()); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range r.GetDocuments() {
		answer := &firestorepb.BatchGetDocumentsResponse{ReadTime: timestamppb.Now(),
			Result: &firestorepb.BatchGetDocumentsResponse_Missing{Missing: name}}
		if d := f.documents[name]; d != nil {
			answer.Result = &firestorepb.BatchGetDocumentsResponse_Found{Found: d}
		}
		if !documentName(name) {
			return status.Errorf(codes.InvalidArgument, "Document name %q is invalid", name)
		}
		if err := answers.Send(answer); err != nil {
			return err
		}
	}
	return nil
}

// RunQuery reads a whole collection, in the order of the names.
func (f *firestore) RunQuery(r *firestorepb.RunQueryRequest, answers firestorepb.Firestore_RunQueryServer) error {
	database, ok := strings.CutSuffix(r.GetParent(), "/documents")
	if err := f.begin(answers.Context(), "RunQuery", database); err != nil {
		return err
	}
	q := r.GetStructuredQuery()
	if !ok || len(q.GetFrom()) != 1 || q.GetWhere() != nil || len(q.GetOrderBy()) > 0 || q.GetOffset() > 0 ||
		q.GetSelect() != nil {
		return status.Errorf(codes.InvalidArgument, "the stand-in does not know the query %v", r)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(f.documents)) {
		if path.Dir(name) != r.GetParent()+"/"+q.GetFrom()[0].GetCollectionId() {
			continue
		}
		answer := &firestorepb.RunQueryResponse{Document: f.documents[name], ReadTime: timestamppb.Now()}
		if err := answers.Send(answer); err != nil {
			return err
		}
	}
	// The service ends with an answer that holds no document.
	return answers.Send(&firestorepb.RunQueryResponse{ReadTime: timestamppb.Now()})
}

func TestFirestore(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	store := &firestore{documents: map[string]*firestorepb.Document{}, calls: map[string]int{}}
	server := grpc.NewServer()
	firestorepb.RegisterFirestoreServer(server, store)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		require.NoError(t, <-served)
	})
	t.Setenv("FIRESTORE_EMULATOR_HOST", listener.Addr().String())

	const address = "firestore://" + firestoreDatabase + "/documents/MLTrainingMetadata?name_field=TrainingJobName"
	table, err := Open(t.Context(), address)
	require.NoError(t, err)
	exercise(t, table)
	for _, call := range []string{"Commit", "BatchGetDocuments", "RunQuery"} {
		assert.Positive(t, store.calls[call], call)
	}

	// What others see: one document for each job, named after it, with the columns as fields.
	names := slices.Sorted(maps.Keys(store.documents))
	const prefix = firestoreDatabase + "/documents/MLTrainingMetadata/"
	require.Equal(t, []string{prefix + "a-1", prefix + "a-2"}, names)
	fields := store.documents[prefix+"a-2"].GetFields()
	assert.Equal(t, "v2", fields["ModelVersion"].GetStringValue())
	assert.InDelta(t, 0.5, fields["Metrics"].GetMapValue().GetFields()["auc"].GetDoubleValue(), 0)
	assert.Equal(t, "2026-11-22T12:00:01.000005Z", fields["Timestamp"].GetStringValue())

	// A table of another model in the same database is another table.
	other, err := Open(t.Context(), strings.Replace(address, "MLTrainingMetadata", "other", 1))
	require.NoError(t, err)
	rows, err := other.Rows(t.Context())
	require.NoError(t, err)
	assert.Empty(t, rows)

	store.mu.Lock()
	store.denied = true
	store.mu.Unlock()
	row := Row{TrainingJobName: "a-3", Timestamp: time.Now(), Status: Failed}
	require.ErrorContains(t, table.Put(t.Context(), row), "Missing or insufficient permissions")
	_, err = table.Rows(t.Context())
	require.ErrorContains(t, err, "Missing or insufficient permissions")
	require.NoError(t, table.Close())
}

package serve

import (
	"fmt"
	"mime"
	"net/http"
	"strings"
)

// The forms of the platforms. A body of one of them is JSON in any of the shapes that the platform's clients send.
var (
	platformForm = form{read: readPlatform, write: writePredict, contentType: jsonType}
	vertexForm   = form{read: readPlatform, write: writeVertex, contentType: jsonType}
)

func readPlatform(x *scratch, m *served) error { return x.rows.ReadPlatform(x.body, m.Model) }

func readLines(x *scratch, m *served) error { return x.rows.ReadLines(x.body, m.Model) }

func readCSV(x *scratch, m *served) error { return x.rows.ReadCSV(x.body, m.Model) }

// writeVertex answers {"instances": [...]} with {"predictions": [...]} and nothing beside it.
func writeVertex(x *scratch, m *served) error {
	if !x.rows.Instances {
		return writePredict(x, m)
	}
	x.answer = m.answers.Instances(x.answer[:0], &x.rows, x.out)
	return nil
}

func writeLines(x *scratch, m *served) error {
	x.answer = m.answers.Lines(x.answer[:0], &x.rows, x.out)
	return nil
}

func writeCSV(x *scratch, m *served) error {
	x.answer = m.answers.CSV(x.answer[:0], &x.rows, x.out)
	return nil
}

// readers and writers of POST /invocations by media type.
var (
	readers = map[string]func(*scratch, *served) error{
		"application/json": readPlatform, "application/jsonlines": readLines, "application/x-jsonlines": readLines,
		"application/x-ndjson": readLines, "text/csv": readCSV,
	}
	writers = map[string]form{
		"application/json":      {write: writePredict, contentType: jsonType},
		"application/jsonlines": {write: writeLines, contentType: linesType},
		"text/csv":              {write: writeCSV, contentType: csvType},
	}
)

const (
	invocationTypes = "application/json, application/jsonlines or text/csv"
	jsonMedia       = "application/json"
)

// invocationForm chooses by the headers Content-Type and Accept. The answer is of the same type as the question
// unless Accept says something else.
func invocationForm(r *http.Request) (*form, error) {
	question := mediaType(r.Header.Get("Content-Type"))
	if question == "" || question == "application/x-www-form-urlencoded" { // what curl -d sends
		question = jsonMedia
	}
	read, ok := readers[question]
	if !ok {
		return nil, fmt.Errorf("the Content-Type is %.60q; want %s", question, invocationTypes)
	}
	if strings.HasSuffix(question, "jsonlines") || strings.HasSuffix(question, "ndjson") {
		question = "application/jsonlines"
	}
	write, err := accepted(r.Header.Get("Accept"), question)
	if err != nil {
		return nil, err
	}
	return &form{read: read, write: write.write, contentType: write.contentType}, nil
}

// accepted chooses the first of the accepted types that can be written.
func accepted(accept, fallback string) (form, error) {
	if accept == "" {
		return writers[fallback], nil
	}
	for part := range strings.SplitSeq(accept, ",") {
		switch media := mediaType(part); media {
		case "*/*", "application/*":
			return writers[fallback], nil
		default:
			if w, ok := writers[media]; ok {
				return w, nil
			}
		}
	}
	return form{}, fmt.Errorf("the Accept is %.60q; want %s", accept, invocationTypes)
}

func mediaType(header string) string {
	media, _, err := mime.ParseMediaType(header)
	if err != nil {
		media = header
	}
	return strings.TrimSpace(strings.ToLower(media))
}

// executionParameters answers GET /execution-parameters, with which SageMaker tunes a batch transform.
func (s *server) executionParameters(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"MaxConcurrentTransforms": cap(s.gate.running), "BatchStrategy": "MULTI_RECORD",
		"MaxPayloadInMB": s.o.MaxBody >> 20,
	})
}

// alive answers GET / on Azure ML, which asks there whether the container lives; a browser gets the page.
func (s *server) alive(w http.ResponseWriter, r *http.Request) {
	if s.o.Platform == "azureml" && !strings.Contains(r.Header.Get("Accept"), "text/html") {
		s.healthy(w, r)
		return
	}
	s.page(w, r)
}

// echoAttributes gives SageMaker's custom attributes back, as its containers do.
func echoAttributes(next http.HandlerFunc) http.HandlerFunc {
	const name = "X-Amzn-Sagemaker-Custom-Attributes"
	return func(w http.ResponseWriter, r *http.Request) {
		if values := r.Header[name]; len(values) > 0 {
			w.Header()[name] = values
		}
		next(w, r)
	}
}

// Package xgboosttest finds the XGBoost library for tests.
package xgboosttest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mlpathway/mlpathway/training-image/xgboost"
)

// Path gives the file of the library: what MLPATHWAY_XGBOOST names, or bin/lib of this working copy, or the name that
// the system's loader knows. The test fails where there is none, because a test that skips itself proves nothing.
func Path(tb testing.TB) string {
	tb.Helper()
	if path := os.Getenv(xgboost.EnvLibrary); path != "" {
		return path
	}
	paths := []string{"libxgboost.so.0", "libxgboost.so"}
	if root := root(); root != "" {
		found, _ := filepath.Glob(filepath.Join(root, "bin", "lib", "libxgboost.so*"))
		paths = append(found, paths...)
	}
	for _, path := range paths {
		if _, err := xgboost.OpenFile(path); err == nil {
			return path
		}
	}
	tb.Fatalf("this test needs XGBoost: run make setup, install libxgboost0, or let %s name libxgboost.so; tried %q",
		xgboost.EnvLibrary, paths)
	return ""
}

// Open loads the library.
func Open(tb testing.TB) *xgboost.Library {
	tb.Helper()
	l, err := xgboost.OpenFile(Path(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// root is the directory of go.mod above the test.
func root() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	return ""
}

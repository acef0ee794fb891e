// Package schema says what the resources and functions of the cloud providers look like. It reads the sources of the Go
// SDKs that go.mod names, so that it and the targets can never be of two opinions, and it compiles nothing of them.
package schema

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// Kind is a kind of value.
type Kind string

// The kinds of values.
const (
	Any     Kind = "any"
	String  Kind = "string"
	Boolean Kind = "boolean"
	Integer Kind = "integer"
	Number  Kind = "number"
	Asset   Kind = "asset"
	Array   Kind = "array"  // of Elem
	Map     Kind = "map"    // from text to Elem
	Struct  Kind = "struct" // of the object that Ref names
)

// Type is the type of a property.
type Type struct {
	Kind Kind   `json:"kind"`
	Elem *Type  `json:"elem,omitempty"`
	Ref  string `json:"ref,omitempty"`
}

// Property is a property of an object.
type Property struct {
	Type Type `json:"type"`
	// Required inputs must be given; required outputs are always there.
	Required bool `json:"required,omitempty"`
}

// Object maps the names of properties to what they are.
type Object map[string]Property

// Definition is what an SDK knows of a resource or a function.
type Definition struct {
	// Token of the resource or function.
	Token string `json:"token"`
	// Inputs and Outputs are its properties.
	Inputs  Object `json:"inputs"`
	Outputs Object `json:"outputs"`
	// Secrets are the outputs that the SDK marks as secret.
	Secrets []string `json:"secrets,omitempty"`
	// Objects are the nested objects that types refer to.
	Objects map[string]Object `json:"objects"`
}

// Errors of Definition.
var (
	// ErrNotChecked means that there is no SDK for the package or module of a token: nothing is known of the type.
	ErrNotChecked = errors.New("no SDK of this project knows the type")
	// ErrUnknown means that the SDK of the package has no such type.
	ErrUnknown = errors.New("the SDK has no such type")
)

// sdkToken is a type token or function token in its parts.
type sdkToken struct {
	text, pkg, module, name string
}

func parseToken(text string) (sdkToken, error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return sdkToken{}, fmt.Errorf("%q: %w: want package:module:name", text, ErrUnknown)
	}
	return sdkToken{text: text, pkg: parts[0], module: parts[1], name: parts[2]}, nil
}

// lowerFirst writes the name of a type as the SDK names its file: all leading capitals become small, so SSLPolicy is
// sslpolicy and IAMCustomRole iamcustomRole.
func lowerFirst(name string) string {
	runes := []rune(name)
	for i := 0; i < len(runes) && unicode.IsUpper(runes[i]); i++ {
		runes[i] = unicode.ToLower(runes[i])
	}
	return string(runes)
}

func upperFirst(name string) string {
	runes := []rune(name)
	runes[0] = unicode.ToUpper(runes[0])
	return string(runes)
}

package schema

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// sourcePackage is a Go package of an SDK. Its files are generated and formatted, so that a declaration ends at the
// first brace in the first column: that is found without parsing the megabytes around it.
type sourcePackage struct {
	sdks      *SDKs
	path, dir string
	types     *source // of the files with nested types
}

// source is the text of some files of a package.
type source struct {
	text    []byte
	imports map[string]string // name to path
}

func (p *sourcePackage) read(names ...string) (*source, error) {
	s := &source{imports: map[string]string{}}
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(p.dir, name))
		if err != nil {
			return nil, err
		}
		s.text = append(append(s.text, '\n'), data...)
		for _, match := range importLine.FindAllSubmatch(data, -1) {
			name, imported := string(match[1]), string(match[2])
			if name == "" {
				name = path.Base(imported)
			}
			s.imports[name] = imported
		}
	}
	return s, nil
}

var importLine = regexp.MustCompile(`(?m)^\t(?:(\w+) )?"(github\.com/pulumi/[^"]+)"$`)

// block is the declaration that begins with some words.
func (s *source) block(begin string) []byte {
	i := bytes.Index(s.text, []byte("\n"+begin))
	if i < 0 {
		return nil
	}
	rest := s.text[i+1:]
	if end := bytes.Index(rest, []byte("\n}\n")); end >= 0 {
		return rest[:end+3]
	}
	return nil
}

func (p *sourcePackage) nested() (*source, error) {
	if p.types != nil {
		return p.types, nil
	}
	files, err := filepath.Glob(filepath.Join(p.dir, "pulumi*.go"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, file := range files {
		if name := filepath.Base(file); strings.HasPrefix(name, "pulumiTypes") || strings.HasPrefix(name, "pulumiEnums") {
			names = append(names, name)
		}
	}
	p.types, err = p.read(names...)
	return p.types, err
}

// fileOf reads the file that names a token. As a rule it has the name of the type.
func (p *sourcePackage) fileOf(t sdkToken) (*source, error) {
	quoted := []byte(strconv.Quote(t.text))
	if s, err := p.read(lowerFirst(t.name) + ".go"); err == nil && bytes.Contains(s.text, quoted) {
		return s, nil
	}
	files, err := filepath.Glob(filepath.Join(p.dir, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		if s, err := p.read(filepath.Base(file)); err == nil && bytes.Contains(s.text, quoted) &&
			s.block("type "+t.name+" struct {") != nil {
			return s, nil
		}
	}
	return nil, t.missing()
}

var (
	requiredArgument = regexp.MustCompile(`invalid value for required argument '(\w+)'`)
	secretOutputs    = regexp.MustCompile(`(?s)AdditionalSecretOutputs\(\[\]string\{(.*?)\}`)
	quotedText       = regexp.MustCompile(`"(\w+)"`)
)

// resource reads the definition of a resource.
func (p *sourcePackage) resource(t sdkToken) (*Definition, error) {
	s, err := p.fileOf(t)
	if err != nil {
		return nil, err
	}
	b := &builder{sdks: p.sdks, Definition: Definition{Token: t.text, Objects: map[string]Object{}}}
	constructor := s.block("func New" + t.name + "(")
	required := map[string]bool{}
	for _, match := range requiredArgument.FindAllSubmatch(constructor, -1) {
		required[string(match[1])] = true
	}
	if match := secretOutputs.FindSubmatch(constructor); match != nil {
		for _, name := range quotedText.FindAllSubmatch(match[1], -1) {
			b.Secrets = append(b.Secrets, string(name[1]))
		}
	}
	b.Inputs, err = b.fields(p, s, lowerFirst(t.name)+"Args", func(field string, _ bool) bool { return required[field] })
	if err != nil {
		return nil, err
	}
	b.Outputs, err = b.fields(p, s, t.name, func(_ string, optional bool) bool { return !optional })
	return &b.Definition, err
}

// function reads the definition of a function.
func (p *sourcePackage) function(t sdkToken) (*Definition, error) {
	t.name = upperFirst(t.name)
	s, err := p.read(lowerFirst(t.name) + ".go")
	if err != nil {
		return nil, t.missing()
	}
	b := &builder{sdks: p.sdks, Definition: Definition{Token: t.text, Objects: map[string]Object{}}}
	name := t.name
	if s.block("type Lookup"+strings.TrimPrefix(name, "Get")+"Result struct {") != nil {
		name = "Lookup" + strings.TrimPrefix(name, "Get") // where Get is the constructor of a resource
	}
	given := func(_ string, optional bool) bool { return !optional }
	if s.block("type "+name+"Args struct {") != nil {
		if b.Inputs, err = b.fields(p, s, name+"Args", given); err != nil {
			return nil, err
		}
	}
	b.Outputs, err = b.fields(p, s, name+"Result", given)
	return &b.Definition, err
}

// builder gathers a definition with the nested objects that it needs.
type builder struct {
	Definition
	sdks *SDKs
}

// fields reads the properties of a struct. required decides from the field's name and from whether it can be left out.
func (b *builder) fields(
	p *sourcePackage, s *source, name string, required func(string, bool) bool,
) (Object, error) {
	block := s.block("type " + name + " struct {")
	if block == nil {
		return nil, fmt.Errorf("%w: %s has no struct %s", ErrUnknown, p.path, name)
	}
	file, err := parser.ParseFile(token.NewFileSet(), name+".go", append([]byte("package p\n"), block...), 0)
	if err != nil {
		return nil, fmt.Errorf("reading %s of %s: %w", name, p.path, err)
	}
	object := Object{}
	spec := file.Decls[0].(*ast.GenDecl).Specs[0].(*ast.TypeSpec)
	for _, field := range spec.Type.(*ast.StructType).Fields.List {
		if field.Tag == nil || len(field.Names) == 0 {
			continue
		}
		tag, err := strconv.Unquote(field.Tag.Value)
		if err != nil {
			return nil, err
		}
		key, _, _ := strings.Cut(reflect.StructTag(tag).Get("pulumi"), ",")
		typ, optional, err := b.typeOf(p, s, field.Type)
		if err != nil {
			return nil, err
		}
		object[key] = Property{Type: typ, Required: required(field.Names[0].Name, optional)}
	}
	return object, nil
}

// typeOf translates the type of a field. The second result tells whether the field can be left out.
func (b *builder) typeOf(p *sourcePackage, s *source, expr ast.Expr) (Type, bool, error) {
	switch e := expr.(type) {
	case *ast.StarExpr:
		typ, _, err := b.typeOf(p, s, e.X)
		return typ, true, err
	case *ast.ArrayType:
		elem, _, err := b.typeOf(p, s, e.Elt)
		return Type{Kind: Array, Elem: &elem}, true, err
	case *ast.MapType:
		elem, _, err := b.typeOf(p, s, e.Value)
		return Type{Kind: Map, Elem: &elem}, true, err
	case *ast.Ident:
		return b.named(p, e.Name)
	case *ast.SelectorExpr:
		return b.foreign(s, e.X.(*ast.Ident).Name, e.Sel.Name)
	default:
		return Type{Kind: Any}, true, nil
	}
}

// basic are the types of the language and of Pulumi.
var basic = map[string]Kind{
	"string": String, "bool": Boolean, "int": Integer, "float64": Number,
	"String": String, "Bool": Boolean, "Int": Integer, "Float64": Number, "ID": String, "URN": String, "Any": Any,
	"Asset": Asset, "Archive": Asset, "AssetOrArchive": Asset,
}

// foreign translates a type of another package.
func (b *builder) foreign(s *source, name, typ string) (Type, bool, error) {
	if name == "pulumi" {
		if kind, ok := basic[typ]; ok {
			return Type{Kind: kind}, false, nil
		}
		return b.output(nil, typ)
	}
	other, err := b.sdkOf(s, name)
	if err != nil {
		return Type{Kind: Any}, true, nil //nolint:nilerr // a type of an SDK that is not here is not checked
	}
	return b.named(other, typ)
}

func (b *builder) sdkOf(s *source, name string) (*sourcePackage, error) {
	if s == nil || s.imports[name] == "" {
		return nil, ErrNotChecked
	}
	return b.sdks.open(s.imports[name])
}

// named translates a type by its name: a basic one, a struct, an enumeration, or the output of one.
func (b *builder) named(p *sourcePackage, name string) (Type, bool, error) {
	if kind, ok := basic[name]; ok && name == lowerFirst(name) {
		return Type{Kind: kind}, false, nil
	}
	nested, err := p.nested()
	if err != nil {
		return Type{}, false, err
	}
	if nested.block("type "+name+" struct {") != nil && !strings.HasSuffix(name, "Output") {
		return b.reference(p, nested, name)
	}
	for _, kind := range []string{"string", "bool", "int", "float64"} {
		if bytes.Contains(nested.text, []byte("\ntype "+name+" "+kind+"\n")) {
			return Type{Kind: basic[kind]}, false, nil
		}
	}
	return b.output(p, name)
}

// reference refers to a nested object, and reads it when it is met for the first time.
func (b *builder) reference(p *sourcePackage, nested *source, name string) (Type, bool, error) {
	ref := p.path + "." + name
	if _, ok := b.Objects[ref]; !ok {
		b.Objects[ref] = Object{} // types may be recursive
		object, err := b.fields(p, nested, name, func(_ string, optional bool) bool { return !optional })
		if err != nil {
			return Type{}, false, err
		}
		b.Objects[ref] = object
	}
	return Type{Kind: Struct, Ref: ref}, false, nil
}

// output translates the name of an output type, such as StringMapOutput or ClusterIdentityArrayOutput. p is nil for
// those of Pulumi itself.
func (b *builder) output(p *sourcePackage, name string) (Type, bool, error) {
	rest, ok := strings.CutSuffix(name, "Output")
	if !ok {
		return Type{Kind: Any}, true, nil
	}
	var wraps []string
	optional := false
	for {
		if typ, ok, err := b.plain(p, rest); ok || err != nil {
			for _, wrap := range slices.Backward(wraps) {
				elem := typ
				typ = Type{Kind: Kind(strings.ToLower(wrap)), Elem: &elem}
			}
			return typ, optional, err
		}
		if short, ok := strings.CutSuffix(rest, "Ptr"); ok {
			rest, optional = short, true
			continue
		}
		wrap := ""
		for _, suffix := range []string{"Array", "Map"} {
			if strings.HasSuffix(rest, suffix) {
				wrap = suffix
			}
		}
		if wrap == "" {
			return Type{Kind: Any}, true, nil
		}
		rest, wraps = strings.TrimSuffix(rest, wrap), append(wraps, wrap)
		if rest == "" { // pulumi.ArrayOutput, pulumi.MapOutput
			rest = "Any"
		}
	}
}

// plain translates the name of an output type without its suffixes, if it has none left.
func (b *builder) plain(p *sourcePackage, name string) (Type, bool, error) {
	if p == nil {
		kind, ok := basic[name]
		return Type{Kind: kind}, ok, nil
	}
	nested, err := p.nested()
	if err != nil {
		return Type{}, false, err
	}
	if nested.block("type "+name+" struct {") != nil {
		typ, _, err := b.reference(p, nested, name)
		return typ, true, err
	}
	if bytes.Contains(nested.text, []byte("\ntype "+name+" string\n")) {
		return Type{Kind: String}, true, nil
	}
	return Type{}, false, nil
}

package components

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// layerArgs is what the arguments of every layer can do.
type layerArgs[A any] interface {
	*A
	// setDefaults fills what the caller left out; it must not change maps and slices in place.
	setDefaults(Scope)
	// validate reports everything that is wrong with the filled arguments.
	validate(*checker)
}

// translate is a method of a Target.
type translate[A, O any] func(*pulumi.Context, string, *A, ...pulumi.ResourceOption) (*O, error)

// construction is one call of a constructor.
type construction struct {
	ctx       *pulumi.Context
	layer     Layer
	name      string
	target    Target
	component pulumi.ComponentResource
	opts      []pulumi.ResourceOption
}

// construct runs the five steps of every constructor and fills outputs. It is the only place that registers the
// component of a layer.
func construct[A, O any, P layerArgs[A]](c construction, args *A, call translate[A, O], outputs *O) error {
	if reason, ok := c.target.Unsupported()[c.layer]; ok {
		return fmt.Errorf("creating %s %q: target %s: %w: %s", c.layer, c.name, c.target.Name(), ErrUnsupported, reason)
	}
	var filled A
	if args != nil {
		filled = *args
	}
	P(&filled).setDefaults(c.target.Scope())
	check := &checker{layer: c.layer, name: c.name}
	check.logicalName()
	P(&filled).validate(check)
	if err := check.err(); err != nil {
		return err
	}
	inputs := toMap(reflect.ValueOf(filled))
	err := c.ctx.RegisterComponentResourceV2(c.layer.Token(), c.name, inputs, c.component, c.opts...)
	if err != nil {
		return fmt.Errorf("creating %s %q: %w", c.layer, c.name, err)
	}
	made, err := call(c.ctx, c.name, &filled, pulumi.Parent(c.component))
	if err != nil {
		return fmt.Errorf("creating %s %q on %s: %w", c.layer, c.name, c.target.Name(), err)
	}
	values, err := outputMap(made)
	if err != nil {
		return fmt.Errorf("creating %s %q on %s: %w", c.layer, c.name, c.target.Name(), err)
	}
	*outputs = *made
	return c.ctx.RegisterResourceOutputs(c.component, values)
}

// outputMap turns the tagged fields of an outputs struct into the outputs of a component.
func outputMap(outputs any) (pulumi.Map, error) {
	v := reflect.ValueOf(outputs)
	if v.IsNil() {
		return nil, fmt.Errorf("%w: all of them", ErrNoOutput)
	}
	values := pulumi.Map{}
	for i := range v.Elem().NumField() {
		field := v.Elem().Type().Field(i)
		key, _, _ := strings.Cut(field.Tag.Get("pulumi"), ",")
		if key == "" {
			continue
		}
		value := v.Elem().Field(i)
		if value.IsZero() {
			return nil, fmt.Errorf("%w: %s", ErrNoOutput, field.Name)
		}
		values[key] = value.Interface().(pulumi.Input)
	}
	return values, nil
}

// toMap turns the tagged fields of an arguments struct into the inputs of a component; unset ones are left out.
func toMap(v reflect.Value) pulumi.Map {
	values := pulumi.Map{}
	for i := range v.NumField() {
		key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("pulumi"), ",")
		if key == "" {
			continue
		}
		if value := toInput(v.Field(i)); value != nil {
			values[key] = value
		}
	}
	return values
}

func toInput(v reflect.Value) pulumi.Input {
	if v.IsZero() && v.Kind() != reflect.Bool && v.Kind() != reflect.Int {
		return nil
	}
	if input, ok := v.Interface().(pulumi.Input); ok {
		return input
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return toInput(v.Elem())
	case reflect.Struct:
		return toMap(v)
	case reflect.Slice:
		list := pulumi.Array{}
		for i := range v.Len() {
			list = append(list, toInput(v.Index(i)))
		}
		return list
	case reflect.Map:
		values := pulumi.Map{}
		for _, key := range v.MapKeys() {
			values[key.String()] = toInput(v.MapIndex(key))
		}
		return values
	default:
		return toScalar(v)
	}
}

func toScalar(v reflect.Value) pulumi.Input {
	switch {
	case v.Kind() == reflect.String:
		return pulumi.String(v.String())
	case v.Kind() == reflect.Bool:
		return pulumi.Bool(v.Bool())
	case v.CanInt():
		return pulumi.Int(int(v.Int()))
	case v.CanFloat():
		return pulumi.Float64(v.Float())
	default:
		return nil
	}
}

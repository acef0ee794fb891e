// Package components holds the layers of a machine-learning platform as portable Pulumi components.
//
// A user holds a concrete component, such as a DataLake; a Target translates it into the resources of one platform.
//
//	lake, err := components.NewDataLake(ctx, "lake", target, &components.DataLakeArgs{ExpireDays: 30})
//	err = lake.Grant(ctx, "trainer-reads", training.Identity, components.Read, components.Curated)
//
// Every constructor does the same five things in the same order: it fills the documented defaults of the environment,
// validates, registers the component with its inputs, lets the target make the resources under it, and registers the
// outputs. Nothing is registered before all arguments are known to be good.
package components

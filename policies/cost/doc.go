// Package cost estimates what a stack costs each month before it exists: from an embedded price table whose every row
// has a source and a date, the properties of the resources, and documented assumptions about their use. It is pure: no
// Pulumi, no cloud SDK, and no network save in Update. docs/cost.md has the method and its limits.
package cost

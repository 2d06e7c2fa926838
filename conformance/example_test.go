package conformance_test

import (
	"context"
	"fmt"
	"regexp"

	"credence/conformance"
	"credence/shim"
	"credence/shims/reference/adapter"
)

func ExampleRun() {
	report, err := conformance.Run(context.Background(), conformance.Options{
		Seed:  1,
		Match: regexp.MustCompile("^xeddsa/ambassador-v1/sign/"),
		Start: func(context.Context) (shim.Target, error) { return adapter.New(), nil }, // or process.Start for a child process
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(report.Target.Name, report.Conforms())
	// Output: Credence reference true
}

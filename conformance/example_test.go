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
		// or process.Start for a child process
		Start: func(context.Context) (shim.Target, error) { return adapter.New(), nil },
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(report.Target.Name, report.Conforms())
	// Output: Credence reference true
}

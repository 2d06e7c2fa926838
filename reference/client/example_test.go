package client_test

import (
	"crypto/rand"
	"fmt"
	"time"

	"credence/reference/ambassador"
	"credence/reference/client"
	"credence/reference/postoffice"
)

// Alice writes from her phone; her laptop and both of Bob's devices read it.
func Example() {
	office := postoffice.New(time.Now)
	must := func(c *client.Client, err error) *client.Client {
		if err != nil {
			panic(err)
		}
		return c
	}
	alicePhone := must(client.Register(office, rand.Reader))
	aliceLaptop := must(client.Link(alicePhone, office, rand.Reader))
	bobPhone := must(client.Register(office, rand.Reader))
	bobDesktop := must(client.Link(bobPhone, office, rand.Reader))

	if err := alicePhone.Send(bobPhone.Device.Account(), []byte("hello")); err != nil {
		panic(err)
	}
	for _, c := range []*client.Client{aliceLaptop, bobPhone, bobDesktop} {
		c.Heard = func(e ambassador.Event) {
			if len(e.Plaintext) > 0 {
				fmt.Printf("%s: %s\n", e.Kind, e.Plaintext)
			}
		}
		if err := c.Sync(); err != nil {
			panic(err)
		}
	}
	// Output:
	// sent: hello
	// message: hello
	// message: hello
}

package main

// explanation says why a target is missed, and what was tried.
const explanation = `
`

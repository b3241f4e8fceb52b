package main

type claimsCmd struct{}

package meshbridge

// ParseWithin is ParseDeviceList with bounds that a test can reach.
var ParseWithin = parseWithin

package policy

// tunnels gives the kinds of tunnel by MeshCentral's number. Not here: 7 (plugins), 10 (one file, whichever the browser
// names, and the agent looks at no right), 100 and 101 (Intel AMT).
//
// The number in a tunnel's URL binds nobody but MeshCentral: the agent takes the kind from the first message inside the
// tunnel that is no control message (meshcore.js, onTunnelData). Whoever carries a tunnel must therefore see that this message
// is the number of the URL. Of the kinds below the agent looks at the rights itself, but with 10, and the file's name in a
// control message before, a viewer's tunnel to the desktop would read any file of the device. Of the control messages
// (onTunnelControlData), "lock" and "autolock" lock the desktop whatever the rights are.
func tunnels() []tunnelTo {
	terminal := need{all: rights{"remote-control"}, none: rights{"view-only", "no-terminal"}}
	return []tunnelTo{
		{1, "terminal", terminal}, // of the administrator
		{2, "desktop", need{all: rights{"remote-control"}, none: rights{"no-desktop"}}},
		{5, "files", files},
		{6, "terminal", terminal}, // PowerShell of the administrator
		{8, "terminal", terminal}, // of the user
		{9, "terminal", terminal}, // PowerShell of the user
	}
}

package meshbridge

// The tabs of MeshCentral's page (`viewmode`) whose rights can stand alone.
const (
	tabDesktop  = 11
	tabTerminal = 12
	tabFiles    = 13
	tabConsole  = 15
)

// SessionRights gives the mask of a session on its one device: the person's, or with restrict only what the tab of the view
// mode needs. It never gives a bit that the mask has not, save those that close something. A viewer's mask stays a viewer's.
func SessionRights(mask uint32, mode int, restrict bool) uint32 {
	if !restrict || mask == 0 {
		return mask
	}
	const (
		desktop, terminal, files = uint32(65536), uint32(512), uint32(1024) // no-desktop, no-terminal, no-files
		look                     = uint32(8 | 256)
		closing                  = uint32(256 | 512 | 1024 | 2048 | 4096 | 8192 | 65536)
	)
	keep, shut := look, desktop|terminal|files
	switch mode {
	case tabDesktop:
		shut = terminal | files
	case tabTerminal:
		shut = desktop | files
	case tabFiles:
		shut = desktop | terminal
	case tabConsole:
		keep = 16 | 131072
	}
	return mask&(keep|closing) | shut
}

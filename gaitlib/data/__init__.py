"""Real data: manifest, fetch, readers, and the walks of real people."""

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that were made for these tests and open nothing, and certificates for two of them, which lasted a
 * day.  Included by test_pem.c and by the translation's test of what is refused.
 */
#ifndef TEST_APISIX_PAIRS_H
#define TEST_APISIX_PAIRS_H

#define RSA_CERT \
	"-----BEGIN CERTIFICATE-----\n" \
	"MIIB+DCCAWGgAwIBAgIUWsl0cB9EbnijV71pNd+09hCaVP4wDQYJKoZIhvcNAQEL\n" \
	"BQAwDjEMMAoGA1UEAwwDcnNhMB4XDTI2MTEyNDE0MjUzOVoXDTI2MTEyNTE0MjUz\n" \
	"OVowDjEMMAoGA1UEAwwDcnNhMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDl\n" \
	"Y5vZwYqLkLDt6OR/hcvCvXgllpefiHHh0kxG9aGshdNoEo/35LFiwABJ9N8ad5L7\n" \
	"doxdNT+heZDaqOy4qX2s4vh3EvtGZguNf85hlyZ+ejNu0xlon/A0Elx2Jivo44rP\n" \
	"H0aF1lKcICcDk2JWSLXh7LUJ9aoUqQL7u7knV6B0IQIDAQABo1MwUTAdBgNVHQ4E\n" \
	"FgQUB5/FHXoTIEJty02JUY5kEbycmfIwHwYDVR0jBBgwFoAUB5/FHXoTIEJty02J\n" \
	"UY5kEbycmfIwDwYDVR0TAQH/BAUwAwEB/zANBgkqhkiG9w0BAQsFAAOBgQBBEQPO\n" \
	"SqWt//kWBo322NyWgsawhekatMCLjHz/atpZx8hZVhUy5vQUau0/LGsx8tp3vUzE\n" \
	"cO9Gh9/GaAB4rN1R7H3rHbiGCi21u63IV8YpYFY9Pehtzf7e5rLsloEkI5sbUh7n\n" \
	"Q4NqNYRprikEHAY/OwaAk1DKGKCrmjFAQj0Yvg==\n" \
	"-----END CERTIFICATE-----\n"

#define RSA_KEY \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MIICdQIBADANBgkqhkiG9w0BAQEFAASCAl8wggJbAgEAAoGBAOVjm9nBiouQsO3o\n" \
	"5H+Fy8K9eCWWl5+IceHSTEb1oayF02gSj/fksWLAAEn03xp3kvt2jF01P6F5kNqo\n" \
	"7Lipfazi+HcS+0ZmC41/zmGXJn56M27TGWif8DQSXHYmK+jjis8fRoXWUpwgJwOT\n" \
	"YlZIteHstQn1qhSpAvu7uSdXoHQhAgMBAAECgYBikjUsk7B3XMvK0CMwcUwn+Mci\n" \
	"T94D3dwiD/5bF75Lpo470I4xFgLrzlnRbfpZIzzz9fNHMlSPjO+kJqbii2LHEZ1r\n" \
	"B+cGZXTm/c2GFPHByJH5t1krkcTfhZbIg0oo9QgkmYR9LJcW4JD0GegAZlojdx2h\n" \
	"JtopyUTq16tRK1RgAQJBAP2rQwYh48RzLfxdp67qLcKF7qdYGXIgUXOgIM+FNxUI\n" \
	"mjW8YTh8XVcO5rS/LhH0VKi7B27RGNl/hpJUSv+AHKECQQDnfzryYLfpZX/6Oirg\n" \
	"cAhD3rZ20H/3igYfV4oiUkxd3skIN+ylpvHB/LVqJ1zzz3rRrxE6/In4I/2ekOeO\n" \
	"RaeBAkAQFhg9/1AuWQ+FfXrwwLD+MPgdbJzQe/QuXO03u77ueoks9zFDH7/bkXpX\n" \
	"4/fL866atKGYCXKF+GxUQzwuT7WBAkAVCAgQ8RyERcZks1gl38fAcsFc9gBKOu3n\n" \
	"dwqDp7psZMsaxgnn2szn9M9+f2kAdX8RAbitBTh7pLlr6HpBAK8BAkBtdSMl8kXZ\n" \
	"pgqNrgnX2fAt6oFq2Zkfdl5apPx9uSP5wF8Jpl40HhnkjRu2Q20xVUXMIHi3beGn\n" \
	"uJuoxOYSQ5+Y\n" \
	"-----END PRIVATE KEY-----\n"

#define RSA_KEY_PKCS1 \
	"-----BEGIN RSA PRIVATE KEY-----\n" \
	"MIICWwIBAAKBgQDlY5vZwYqLkLDt6OR/hcvCvXgllpefiHHh0kxG9aGshdNoEo/3\n" \
	"5LFiwABJ9N8ad5L7doxdNT+heZDaqOy4qX2s4vh3EvtGZguNf85hlyZ+ejNu0xlo\n" \
	"n/A0Elx2Jivo44rPH0aF1lKcICcDk2JWSLXh7LUJ9aoUqQL7u7knV6B0IQIDAQAB\n" \
	"AoGAYpI1LJOwd1zLytAjMHFMJ/jHIk/eA93cIg/+Wxe+S6aOO9COMRYC685Z0W36\n" \
	"WSM88/XzRzJUj4zvpCam4otixxGdawfnBmV05v3NhhTxwciR+bdZK5HE34WWyINK\n" \
	"KPUIJJmEfSyXFuCQ9BnoAGZaI3cdoSbaKclE6terUStUYAECQQD9q0MGIePEcy38\n" \
	"Xaeu6i3Che6nWBlyIFFzoCDPhTcVCJo1vGE4fF1XDua0vy4R9FSouwdu0RjZf4aS\n" \
	"VEr/gByhAkEA53868mC36WV/+joq4HAIQ962dtB/94oGH1eKIlJMXd7JCDfspabx\n" \
	"wfy1aidc88960a8ROvyJ+CP9npDnjkWngQJAEBYYPf9QLlkPhX168MCw/jD4HWyc\n" \
	"0Hv0LlztN7u+7nqJLPcxQx+/25F6V+P3y/OumrShmAlyhfhsVEM8Lk+1gQJAFQgI\n" \
	"EPEchEXGZLNYJd/HwHLBXPYASjrt53cKg6e6bGTLGsYJ59rM5/TPfn9pAHV/EQG4\n" \
	"rQU4e6S5a+h6QQCvAQJAbXUjJfJF2aYKja4J19nwLeqBatmZH3ZeWqT8fbkj+cBf\n" \
	"CaZeNB4Z5I0btkNtMVVFzCB4t23hp7ibqMTmEkOfmA==\n" \
	"-----END RSA PRIVATE KEY-----\n"

#define RSA_KEY_OTHER \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBAKI2/WW3FSZ3w6dU\n" \
	"FS7kErsNw12xmxDNFvxjIqpguoxoyz1556cz2Wd+ocyBuyEhb8mD7wKri2ZZUjR7\n" \
	"+L0YDjBHQhfXCuLMSwh38V6/IgCs/a73B76XB4XcKNZo4K9z5kn0/BS1zpFJTsdM\n" \
	"VMT+gNTKTLuvATi371ergdsKwxzTAgMBAAECgYEAjJJsyy16Rai5w5Ko/MamuLS3\n" \
	"ncUgpNGl3remPdGvN6hEoBS5O/tBpl9lpUyzNoW8UvxjLoQsPFihVVwtdOiYubqD\n" \
	"XxAhnneCGogAeQz5s/6pKRildC2JUsHluKiCHMVDUcRVmRqDpHP5c6IY7qL1FJCl\n" \
	"Bb23ff7VfXO4hQwqOakCQQDNQtCxJMmpw3A2FRUxg0o/ahHsNzClREbU5+ZjfVAd\n" \
	"EIe7tMOe+pFt/55olXkmtSdYNbdLOpOUSOfH3Y1pEZMfAkEAylAnuAOX3GS0rVy3\n" \
	"sb/dumdF9yCkSeEjpxdGnrcTxtJD4cC+tXzZhXLsvgZujnQqJ3NRRurR4VUJnrGX\n" \
	"upsTzQJASzVZHB8bmQ1YNyjAbDTr5pJp4MBUHaoHvgj+XKPUz+F3qmpQZxbuZHyN\n" \
	"wUpLashjkymTcIgU/Pc9nfjq0H21BwJATwu+WRFeVkgqp8mgJBz4/wm2tnXUeuEy\n" \
	"UuivOPgDDB2/VAdA/BwJyTA7+4r7y0Dr73oI+ZJp6oaVOaHdzJUmyQJBAJpRCLjd\n" \
	"Oin5Qo5xkMXDyCnYFKKP0pf7JcKow4aa+jsOpkOSy0LGYFdIzG6LWJQrUFP6lzZo\n" \
	"qhnBewuNqda9a+8=\n" \
	"-----END PRIVATE KEY-----\n"

#define EC_CERT \
	"-----BEGIN CERTIFICATE-----\n" \
	"MIIBbzCCARWgAwIBAgIUXeboAxlJ0m1uNfAtCqqRz20ZFPowCgYIKoZIzj0EAwIw\n" \
	"DTELMAkGA1UEAwwCZWMwHhcNMjYxMTI0MTQyNTM5WhcNMjYxMTI1MTQyNTM5WjAN\n" \
	"MQswCQYDVQQDDAJlYzBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABDmID57+VSHL\n" \
	"WombFkEJl7z60qJIPzjP7StHN0A+GpgG6fCLCx3TfuQR8ZkP7Z0GU1Cv3cky7cVh\n" \
	"0anaJU3UbpCjUzBRMB0GA1UdDgQWBBRvNmrO3X3rQBuFzhZGoaOWNWCm5jAfBgNV\n" \
	"HSMEGDAWgBRvNmrO3X3rQBuFzhZGoaOWNWCm5jAPBgNVHRMBAf8EBTADAQH/MAoG\n" \
	"CCqGSM49BAMCA0gAMEUCIQD17W/AeiyURiX6rhK4nv5rM74kMvqIzyc7B6NHIb3p\n" \
	"MAIgbrXUiQAlQvW3uokn00frYv32hm4X49rsUUMOdYXnJKU=\n" \
	"-----END CERTIFICATE-----\n"

#define EC_KEY \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgVVBaq/RIMed+Q2tm\n" \
	"9h2zduI+zcIyNCKxrr8TvapMnq2hRANCAAQ5iA+e/lUhy1qJmxZBCZe8+tKiSD84\n" \
	"z+0rRzdAPhqYBunwiwsd037kEfGZD+2dBlNQr93JMu3FYdGp2iVN1G6Q\n" \
	"-----END PRIVATE KEY-----\n"

#define EC_KEY_SEC1 \
	"-----BEGIN EC PRIVATE KEY-----\n" \
	"MHcCAQEEIFVQWqv0SDHnfkNrZvYds3biPs3CMjQisa6/E72qTJ6toAoGCCqGSM49\n" \
	"AwEHoUQDQgAEOYgPnv5VIctaiZsWQQmXvPrSokg/OM/tK0c3QD4amAbp8IsLHdN+\n" \
	"5BHxmQ/tnQZTUK/dyTLtxWHRqdolTdRukA==\n" \
	"-----END EC PRIVATE KEY-----\n"

#define EC_KEY_NO_PUBLIC \
	"-----BEGIN EC PRIVATE KEY-----\n" \
	"MDECAQEEIFVQWqv0SDHnfkNrZvYds3biPs3CMjQisa6/E72qTJ6toAoGCCqGSM49\n" \
	"AwEH\n" \
	"-----END EC PRIVATE KEY-----\n"

#define EC_KEY_OTHER \
	"-----BEGIN EC PARAMETERS-----\n" \
	"BggqhkjOPQMBBw==\n" \
	"-----END EC PARAMETERS-----\n" \
	"-----BEGIN EC PRIVATE KEY-----\n" \
	"MHcCAQEEIJPLZMEDFrrKkE75cry0P7gzRNM+LP/SwGbt3187BlTJoAoGCCqGSM49\n" \
	"AwEHoUQDQgAEkB1oxKWMAzLF3B6puXPhMRlsLKzLvrvz6SmMZyKXerERNm/+sS45\n" \
	"2H3TGR9rmmScq5nUzQuxF4ifJhujnzrj3w==\n" \
	"-----END EC PRIVATE KEY-----\n"

#define ED_KEY \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MC4CAQAwBQYDK2VwBCIEIKdLM2lscji0vbaO3GJAQ5B0XXXreS+3B3KA9+JGXmLr\n" \
	"-----END PRIVATE KEY-----\n"

#endif
